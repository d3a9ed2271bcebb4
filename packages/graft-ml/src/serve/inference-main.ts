/** A process that runs one model. Started by `model-pool.ts`, always as the built file. */

import sharp from 'sharp';
import { freeMemory } from '../data/image/open.ts';
import { answerTasks } from './child-main.ts';
import { decodeView } from './decode-image.ts';
import type { BatchReply, InferenceReply, InferenceTask, RunTask, Undecoded } from './messages.ts';
import { openServedModel, type ServedModel } from './served-model.ts';
import { readPixels } from './shared-pixels.ts';

sharp.concurrency(1);
sharp.cache(false);

let model: ServedModel | undefined;
/** The pixels of a batch, which are used again for the next one. */
let batch = new Uint8Array(0);

answerTasks<InferenceTask, InferenceReply>(async (task) => {
  if (task.kind === 'open') {
    model = await openServedModel(task);
    freeMemory();
    return { opened: model.description };
  }
  if (!model) throw new Error('a model is opened before it runs');
  if (task.kind === 'run-image') return { outputs: await model.runImage(task.image) };
  if (task.kind === 'run') return { batch: await run(model, task) };
  const pixels = new Uint8Array(3 * model.description.framing.crop ** 2);
  readPixels(task.offset, pixels);
  return { explanation: await model.explain(pixels, task.target) };
});

async function run({ description, run }: ServedModel, { images }: RunTask): Promise<BatchReply> {
  const { framing, sizes } = description;
  const length = 3 * framing.crop ** 2;
  if (batch.length === 0) batch = new Uint8Array(sizes.at(-1)! * length);
  const start = performance.now();
  const rows: (number | Undecoded)[] = [];
  let count = 0;
  for (const image of images) {
    const place = batch.subarray(count * length, (count + 1) * length);
    if ('offset' in image) readPixels(image.offset, place);
    else {
      const pixels = await decodeView({ ...image, framing }, false);
      if (!(pixels instanceof Uint8Array)) {
        rows.push(pixels);
        continue;
      }
      place.set(pixels);
    }
    rows.push(count++);
  }
  const decoding = performance.now() - start;
  const none = new Float32Array(0);
  if (count === 0) return { rows, decoding, outputs: { logits: none, probabilities: none } };
  // Where a model takes no batch as small as this, older images fill it up.
  const size = sizes.find((each) => each >= count)!;
  return { rows, decoding, outputs: await run(batch.subarray(0, size * length), size) };
}
