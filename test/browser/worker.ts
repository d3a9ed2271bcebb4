import { f32 } from '@graft-ml/core';
import type { ImageReading } from '@graft-ml/core/data';
import { createModel, fit, tensorDataset } from '@graft-ml/core/fit';
import { vjp } from '@graft-ml/core/grad';
import { input } from '@graft-ml/core/graph';
import { linear } from '@graft-ml/core/nn';
import { conv2d, relu } from '@graft-ml/core/ops';
import { adam } from '@graft-ml/core/optim';
import type { TuningEvent } from '@graft-ml/core/runtime';
import { canvasDecoder, checkpointFolder, createRuntime, privateRuns, type WebRuntimeOptions } from '@graft-ml/web';
import { loadPredictor, type PredictedClass } from '@graft-ml/web/predict';
import { trainConv4 } from '../conv4-steps.ts';

export type Question =
  | { readonly task: 'train' | 'choose'; readonly options?: Pick<WebRuntimeOptions, 'threads' | 'wasmPaths'> }
  | { readonly task: 'decode'; readonly bytes: readonly number[]; readonly reading?: ImageReading }
  /** Trains a small network, kept in a folder; it ends by itself after so many steps of its own. */
  | { readonly task: 'fit'; readonly path: string; readonly stopAfter?: number }
  /** What an exported model says of an image, as a file, as pixels and from a canvas; `model` is its address. */
  | { readonly task: 'predict'; readonly model: string; readonly bytes: readonly number[] }
  /** Does these things to a store, one after the other. */
  | { readonly task: 'store'; readonly path: string; readonly calls: readonly StoreCall[] };

/** A method of a store with its arguments; `lock` holds the lock until the worker ends. */
export type StoreCall =
  | readonly ['names' | 'make' | 'assertWritable' | 'inspect' | 'lock' | 'removeAll']
  | readonly ['read' | 'remove', string]
  | readonly ['replace' | 'append', string, string]
  | readonly ['truncate', string, number];

export type Answer =
  | { readonly losses: readonly number[]; readonly variables: Readonly<Record<string, readonly number[]>> }
  | { readonly timed: number; readonly chosen: readonly string[] }
  | { readonly width: number; readonly height: number; readonly data: readonly number[] }
  | {
      readonly steps: number;
      readonly resumedAt: number;
      readonly weights: readonly number[];
      readonly log: string;
    }
  | { readonly predictions: readonly (readonly PredictedClass[])[] }
  | { readonly results: readonly unknown[] }
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

const points = f32(
  [40, 6],
  Array.from({ length: 240 }, (_, i) => Math.sin(7 * i)),
);

const model = () =>
  createModel(
    (scope, x) => linear(scope.at('out'), relu(linear(scope.at('in'), x, { features: 8 })), { features: 2 }),
    {
      input: { dtype: 'f32', shape: [6] },
      runtime: createRuntime({ cache: null }),
    },
  );

/** Trains, and where `stopAfter` steps are taken never goes on: as when the page is closed then, nothing is let go. */
function fitKept(path: string, stopAfter = Number.POSITIVE_INFINITY): Promise<Answer> {
  const labels = Array.from({ length: 40 }, (_, i) => i % 2);
  const data = { train: tensorDataset(points, labels) };
  const optimizer = adam({ learningRate: 0.01 });
  return new Promise((resolve, reject) => {
    const train = async () => {
      const trained = model();
      let [steps, resumedAt] = [0, 0];
      const options = { epochs: 6, batchSize: 10, optimizer, store: checkpointFolder(path), resume: true };
      for await (const event of fit(trained, data, options)) {
        if (event.kind === 'start') ({ resumedAt } = event);
        if (event.kind !== 'step' || ++steps < stopAfter) continue;
        resolve({ steps, resumedAt, weights: [], log: '' });
        await new Promise(() => {});
      }
      const log = new TextDecoder().decode(await privateRuns()(path).read('metrics.jsonl'));
      const weights = Object.values(trained.variables).flatMap((value) => Array.from(value.data, Number));
      resolve({ steps, resumedAt, weights, log });
    };
    train().catch(reject);
  });
}

async function callStore(path: string, calls: readonly StoreCall[]): Promise<Answer> {
  const store = privateRuns()(path);
  const results: unknown[] = [];
  for (const [method, ...args] of calls) {
    const call = store[method].bind(store) as (...given: unknown[]) => Promise<unknown>;
    const given = method === 'append' ? [args[0], new TextEncoder().encode(args[1] as string)] : args;
    const result = await call(...given).catch((error: unknown) => String(error));
    results.push(
      result instanceof Uint8Array
        ? new TextDecoder().decode(result)
        : method === 'lock' && typeof result !== 'string'
          ? 'held'
          : result,
    );
  }
  return { results };
}

async function predict(model: string, bytes: readonly number[]): Promise<Answer> {
  const file = Uint8Array.from(bytes);
  await using predictor = await loadPredictor(model);
  const bitmap = await createImageBitmap(new Blob([file]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const inputs = [file, new Blob([file]), file.buffer, pixels, canvas, bitmap];
  return { predictions: await Promise.all(inputs.map((image) => predictor.predict(image))) };
}

function answer(question: Question): Promise<Answer> {
  if (question.task === 'predict') return predict(question.model, question.bytes);
  if (question.task === 'fit') return fitKept(question.path, question.stopAfter);
  if (question.task === 'store') return callStore(question.path, question.calls);
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
