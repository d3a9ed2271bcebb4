import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import type { Answerer, Frame } from './answerer.ts';

export type ModelRequest =
  | { readonly id: number; readonly model: Blob }
  | { readonly id: number; readonly frame: Frame };

export interface ModelReply {
  readonly id: number;
  /** Names of classes, or probabilities. */
  readonly answer: readonly string[] | readonly number[] | null;
  readonly problem: string | null;
}

/** The images that a model was made of, by its metadata. */
async function seenOf(file: File): Promise<Seen | null> {
  const { seenIn } = await import('@graft-ml/core/internal/weights/checkpoint'); // no small module: it checks what it reads
  try {
    return seenIn(readOnnxMetadata(new Uint8Array(await file.arrayBuffer())));
  } catch {
    return null; // no ONNX file: the worker says so
  }
}

/** Opens a file that `graft export` wrote. @throws Error (by rejection) that says what is wrong with it */
export async function openOnnxModel(file: File): Promise<Answerer> {
  const worker = new Worker(new URL('./onnx-worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve(answer: ModelReply['answer']): void; reject(error: Error): void }>();
  let next = 0;
  const fail = (message: string) => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  };
  worker.addEventListener('message', ({ data }: MessageEvent<ModelReply>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.problem === null) asked?.resolve(data.answer);
    else asked?.reject(new Error(data.problem));
  });
  worker.addEventListener('error', ({ message }) => fail(message || 'The worker of the model could not be loaded.'));
  const ask = (question: { readonly model: Blob } | { readonly frame: Frame }) => {
    const id = next++;
    return new Promise<ModelReply['answer']>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      const isBitmap = 'frame' in question && question.frame instanceof ImageBitmap;
      worker.postMessage({ id, ...question }, isBitmap ? [question.frame] : []);
    });
  };
  const close = () => {
    worker.terminate();
    fail('The model was closed.');
  };
  try {
    const [classes, seen] = await Promise.all([ask({ model: file }), seenOf(file)]);
    return {
      name: file.name,
      path: null,
      classes: (classes ?? []).map(String),
      seen,
      predict: async (frame) => ((await ask({ frame })) ?? []).map(Number),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
