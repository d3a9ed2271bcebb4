/** A process that decodes images, one at a time. Started by `decoders.ts`, always as the built file. */

import sharp from 'sharp';
import { answerTasks } from './child-main.ts';
import { decodeView, decodeWhole } from './decode-image.ts';
import type { DecodeImageTask, DecodeReply, DecodeTask, ViewTask } from './messages.ts';
import { sharedDescriptor, writePixels } from './shared-pixels.ts';
import { readTensorRequest } from './tensor-request.ts';

sharp.concurrency(1);
sharp.cache(false);

answerTasks<DecodeTask, DecodeReply>(async (task) => (task.kind === 'tensor' ? readTensorRequest(task) : decode(task)));

async function decode(task: ViewTask | DecodeImageTask): Promise<DecodeReply> {
  if (task.kind === 'image') return decodeWhole(task, task.isLarge);
  const pixels = await decodeView(task, task.isLarge);
  if (!(pixels instanceof Uint8Array)) return pixels;
  writePixels(sharedDescriptor, task.offset, pixels);
  return { isWritten: true };
}
