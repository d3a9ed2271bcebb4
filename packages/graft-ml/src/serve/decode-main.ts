/** A process that decodes images, one at a time. Started by `decoders.ts`, always as the built file. */

import sharp from 'sharp';
import { freeMemory } from '../data/image/open.ts';
import { answerTasks } from './child-main.ts';
import { decodeView, decodeWhole } from './decode-image.ts';
import type { BeginTask, DecodeImageTask, DecodeReply, DecodeTask, ViewTask } from './messages.ts';
import { sharedDescriptor, writePixels } from './shared-pixels.ts';
import { readTensorRequest } from './tensor-request.ts';

sharp.concurrency(1);
sharp.cache(false);

/** Bytes of JSON from which the objects that it was read into are freed at once. */
const manyBytes = 1e6;

answerTasks<BeginTask | DecodeTask, DecodeReply>(async (task) => {
  if (task.kind === 'begin') return { hasBegun: true };
  if (task.kind !== 'tensor') return decode(task);
  const reply = readTensorRequest(task);
  // V8 would let those of several requests pile up, and keep the heap that large.
  if (task.jsonBytes > manyBytes) setImmediate(freeMemory);
  return reply;
});

async function decode(task: ViewTask | DecodeImageTask): Promise<DecodeReply> {
  if (task.kind === 'image') return decodeWhole(task, task.isLarge);
  const pixels = await decodeView(task, task.isLarge);
  if (!(pixels instanceof Uint8Array)) return pixels;
  writePixels(sharedDescriptor, task.offset, pixels);
  return { isWritten: true };
}
