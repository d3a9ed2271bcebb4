import type { ImageReading } from '@graft-ml/core/data';
import { vjp } from '@graft-ml/core/grad';
import { input } from '@graft-ml/core/graph';
import { conv2d } from '@graft-ml/core/ops';
import type { TuningEvent } from '@graft-ml/core/runtime';
import { canvasDecoder, createRuntime, type WebRuntimeOptions } from '@graft-ml/web';
import { trainConv4 } from '../conv4-steps.ts';

export type Question =
  | { readonly task: 'train' | 'choose'; readonly options?: Pick<WebRuntimeOptions, 'threads' | 'wasmPaths'> }
  | { readonly task: 'decode'; readonly bytes: readonly number[]; readonly reading?: ImageReading };

export type Answer =
  | { readonly losses: readonly number[]; readonly variables: Readonly<Record<string, readonly number[]>> }
  | { readonly timed: number; readonly chosen: readonly string[] }
  | { readonly width: number; readonly height: number; readonly data: readonly number[] }
  | { readonly error: string };

async function train(options: WebRuntimeOptions): Promise<Answer> {
  const { losses, variables } = await trainConv4((choices) => createRuntime({ ...options, cache: null, choices }));
  const numbers = Object.entries(variables).map(([name, { data }]) => [name, Array.from(data, Number)]);
  return { losses, variables: Object.fromEntries(numbers) };
}

/** Compiles the weight gradient of a convolution, which can be written in several ways. */
async function choose(options: WebRuntimeOptions): Promise<Answer> {
  let timed = 0;
  const onTuning = ({ done }: TuningEvent) => {
    timed = done;
  };
  const runtime = createRuntime({ ...options, onTuning });
  const [x, w] = [input('x', 'f32', [2, 8, 12, 12]), input('w', 'f32', [8, 8, 3, 3])];
  const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;
  const y = conv2d(x, w, geometry);
  const [gradient] = vjp([y], [input('dy', 'f32', y.shape)], [w]);
  const program = await runtime.compile({ gradient: gradient! });
  await program.release();
  return { timed, chosen: Object.values(runtime.choices) };
}

async function decode(bytes: readonly number[], reading: ImageReading = {}): Promise<Answer> {
  const image = await canvasDecoder().decode({ bytes: Uint8Array.from(bytes), name: 'image' }, reading);
  return { ...image, data: Array.from(image.data) };
}

function answer(question: Question): Promise<Answer> {
  if (question.task === 'decode') return decode(question.bytes, question.reading);
  const { task, options = {} } = question;
  return task === 'train' ? train(options) : choose(options);
}

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  try {
    self.postMessage(await answer(data));
  } catch (error) {
    self.postMessage({ error: String(error) } satisfies Answer);
  }
};
