/* A page that has a worker of Graft's, and what a test needs to talk to it. */
import { fit } from '@graft-ml/core/fit';
import { adam } from '@graft-ml/core/optim';
import { connectGraft, type ImageCollection, loadModel, openCollection } from '@graft-ml/web';
import { loadPredictor } from '@graft-ml/web/predict';

/** Files as a test sends them: bytes in base64, by class and name. */
export type SentImages = Readonly<Record<string, Readonly<Record<string, string>>>>;

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

function collection(sent: SentImages): ImageCollection {
  return Object.fromEntries(
    Object.entries(sent).map(([name, files]) => [
      name,
      Object.entries(files).map(([file, base64]) => new File([bytesOf(base64)], file)),
    ]),
  );
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

const worker = () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });

/** Trains a network of the zoo by `fit` in the page itself, and keeps it. Calls `after` when so many steps are taken. */
async function fitModel(images: SentImages, path: string, epochs: number, after?: (steps: number) => Promise<void>) {
  await using model = await loadModel('conv4', { classes: Object.keys(images).sort() });
  const data = await openCollection(collection(images), { seed: 1 });
  const optimizer = adam({ learningRate: 0.003 });
  let steps = 0;
  for await (const event of fit(model, data, { epochs, batchSize: 8, optimizer, seed: 1 })) {
    if (event.kind === 'step') await after?.(++steps);
  }
  const run = await model.save(path);
  return { run, loaded: (await loadModel(path)).image?.classes };
}

export const tools = {
  connect: () => connectGraft(worker()),
  collection,
  bytesOf,
  base64Of,
  all,
  fitModel,
  loadPredictor,
  openCollection,
};
export type Tools = typeof tools;

Object.assign(globalThis, { tools });
