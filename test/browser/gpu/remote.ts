import type { Value } from '@graft-ml/core/graph';
import { type Tensor, tensor } from '@graft-ml/core/internal/base/tensor';
import { wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { outputPrefix } from '@graft-ml/core/internal/runtime/program';
import { type Placement, Program } from '@graft-ml/core/runtime';
import { Tensor as OrtTensor } from 'onnxruntime-common';
import type { Page } from 'playwright-core';
import { pack } from './packed.ts';
import type { Answer, Question } from './worker.ts';

type Compilation = Extract<Question, { task: 'compile' }>;

/** A program in a page, of a graph that was built here. */
export interface RemoteProgram {
  readonly program: Program;
  readonly placements: readonly Placement[];
  /** The primitives at their shapes that were compared with WASM to make it: none that were known. */
  readonly checked: number;
}

/** Compiles a graph in the page of this folder. @throws Error with the message of the page's */
export async function compileThere(
  page: Page,
  outputs: Readonly<Record<string, Value>>,
  {
    device = 'webgpu',
    ...options
  }: Pick<Compilation, 'choices' | 'threads'> & Partial<Pick<Compilation, 'device'>> = {},
): Promise<RemoteProgram> {
  const made = await ask(page, { task: 'compile', device, graph: pack(outputs), ...options });
  const { program, inputs, results, placements, checked } = made.compiled!;
  const wrapped = new Map<unknown, Tensor>();
  const wrapOrt = wrapWith(OrtTensor);
  const session = {
    run: async (feeds: Readonly<Record<string, unknown>>, fetches: Readonly<Record<string, OrtTensor>>) => {
      const sent = Object.entries(feeds).map(([name, each]) => [name, sendable(wrapped.get(each)!)] as const);
      const answer = await ask(page, { task: 'run', program, feeds: Object.fromEntries(sent) });
      for (const [name, into] of Object.entries(fetches)) {
        const { data } = answer.results![name.slice(outputPrefix.length)]!;
        wrapped.get(into)!.data.set(data as never);
      }
    },
    release: async () => {
      await ask(page, { task: 'release', program });
    },
  };
  const wrap = (value: Tensor) => {
    const ort = wrapOrt(value);
    wrapped.set(ort, value);
    return ort;
  };
  const named = Object.entries(results).map(([name, type]) => [outputPrefix + name, type] as const);
  const graph = { model: new Uint8Array(), inputs: new Map(Object.entries(inputs)), outputs: new Map(named) };
  return { program: new Program(session, graph, wrap), placements, checked };
}

/** A tensor whose bytes are no `Buffer` of Node, which a page does not have. */
function sendable(value: Tensor): Tensor {
  if (value.dtype !== 'bool' && value.dtype !== 'u8') return value;
  return tensor(value.dtype, value.shape, Uint8Array.from(value.data));
}

async function ask(page: Page, question: Question): Promise<Answer> {
  const asked = (each: Question) => (globalThis as unknown as { ask(q: Question): Promise<Answer> }).ask(each);
  const answer = await page.evaluate(asked, question);
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

/** Takes the GPU away from the page. */
export async function loseGpu(page: Page): Promise<void> {
  await ask(page, { task: 'lose' });
}

/** The GPU of the browser, or the program that stands for one: `google/swiftshader`. Undefined where it has none. */
export function adapterOf(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter ? `${adapter.info.vendor}/${adapter.info.architecture}` : undefined;
  });
}
