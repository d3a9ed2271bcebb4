/** A process that decodes images, one at a time. Started by `decoders.ts`, always as the built file. */

import { rowsOf } from '@graft-ml/core/internal/image/evaluation-view';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { Framing } from '@graft-ml/core/internal/image/transform';
import { planesOf } from '@graft-ml/core/internal/predict/exported-model';
import sharp from 'sharp';
import { isCostlyFormat, readHeader } from '../data/image/open.ts';
import { costly, perform } from '../data/image-tasks.ts';
import { answerTasks } from './child-main.ts';
import type { DecodeImageTask, DecodeReply, DecodeTask, ImageContent, ViewTask } from './messages.ts';
import { sharedDescriptor, writePixels } from './shared-pixels.ts';
import { readTensorRequest } from './tensor-request.ts';

sharp.concurrency(1);
sharp.cache(false);

answerTasks<DecodeTask, DecodeReply>(async (task) => (task.kind === 'tensor' ? readTensorRequest(task) : decode(task)));

/** Pixels from which an image takes so long to decode that small ones should not wait for it. */
const manyPixels = 4e6;

async function isLargeImage(bytes: Uint8Array, framing: Framing): Promise<boolean> {
  const { width, height } = await readHeader(bytes, 'image', framing);
  return width * height > manyPixels;
}

async function decode(task: ViewTask | DecodeImageTask): Promise<DecodeReply> {
  const { bytes, framing, isLarge } = task;
  try {
    if (!isLarge && !isCostlyFormat(bytes) && (await isLargeImage(bytes, framing))) return { isLarge: true };
    return await (task.kind === 'view' ? view(task, task.offset) : whole(task));
  } catch (error) {
    if (error instanceof ImageError) return { problem: error.problem };
    throw error;
  }
}

async function view({ bytes, framing, mostPixels }: ImageContent, offset: number): Promise<DecodeReply> {
  const request = { kind: 'evaluation', preprocessing: framing } as const;
  const viewed = await perform('view', { path: 'image', bytes, request, size: framing.crop, mostPixels }, 'thread');
  if (viewed === costly) return { isCostly: true };
  writePixels(sharedDescriptor, offset, viewed.pixels);
  return { isWritten: true };
}

async function whole({ bytes, framing, mostPixels }: ImageContent): Promise<DecodeReply> {
  const image = await perform('decode', { path: 'image', bytes, reading: framing, mostPixels }, 'thread');
  if (image === costly) return { isCostly: true };
  const { width, height } = image;
  return { image: { width, height, data: await planesOf(rowsOf(image)) } };
}
