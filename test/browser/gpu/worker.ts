import type { Tensors, TensorType } from '@graft-ml/core';
import * as ops from '@graft-ml/core/internal/ops/index';
import type { Choices, Placement, Program, Runtime } from '@graft-ml/core/runtime';
import { createRuntime } from '@graft-ml/web';
import { type PackedGraph, unpack } from './packed.ts';

export type Question =
  /** Makes a program, known by its number. */
  | {
      readonly task: 'compile';
      readonly device: 'wasm' | 'webgpu';
      readonly graph: PackedGraph;
      /** Of the lowerings; where they are not given, the fastest are found. */
      readonly choices?: Choices;
      readonly threads?: number;
    }
  | { readonly task: 'run'; readonly program: number; readonly feeds: Tensors }
  | { readonly task: 'release'; readonly program: number }
  /** Takes the GPU away, as a driver does that starts anew. */
  | { readonly task: 'lose' };

export interface Answer {
  readonly compiled?: {
    readonly program: number;
    readonly inputs: Readonly<Record<string, TensorType>>;
    readonly results: Readonly<Record<string, TensorType>>;
    readonly placements: readonly Placement[];
    /** Comparisons that were made for it. */
    readonly checked: number;
  };
  readonly results?: Tensors;
  readonly error?: string;
}

const programs: Program[] = [];

// A graph that was sent may have any primitive: all of them are bundled.
if (Object.keys(ops).length === 0) throw new Error('no operations');

async function compile({ device, graph, choices, threads }: Extract<Question, { task: 'compile' }>): Promise<Answer> {
  let checked = 0;
  const onCheck = ({ done }: { readonly done: number }) => {
    checked = done;
  };
  const runtime: Runtime = createRuntime({ device, onCheck, ...(choices && { choices }), ...(threads && { threads }) });
  const program = await runtime.compile(unpack(graph));
  const [inputs, results] = [Object.fromEntries(program.inputs), Object.fromEntries(program.outputs)].map(typesOf);
  const { placements } = runtime;
  return {
    compiled: { program: programs.push(program) - 1, inputs: inputs!, results: results!, placements, checked },
  };
}

/** Types alone, of values that cannot be sent. */
function typesOf(values: Readonly<Record<string, TensorType>>): Record<string, TensorType> {
  const types = Object.entries(values).map(([name, { dtype, shape }]) => [name, { dtype, shape }]);
  return Object.fromEntries(types);
}

async function answer(question: Question): Promise<Answer> {
  if (question.task === 'compile') return compile(question);
  if (question.task === 'lose') {
    const { env } = await import('onnxruntime-web/webgpu');
    (await env.webgpu.device).destroy();
    return {};
  }
  const program = programs[question.program]!;
  if (question.task === 'run') return { results: await program.run(question.feeds) };
  await program.release();
  return {};
}

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  try {
    self.postMessage(await answer(data));
  } catch (error) {
    self.postMessage({ error: String(error) } satisfies Answer);
  }
};
