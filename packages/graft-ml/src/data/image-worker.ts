/** A thread of the image pool. Loaded by `image-pool.ts`, always as the built file. */

import { threadId } from 'node:worker_threads';
import type { ImageSpan } from '@graft-ml/core/internal/fit/profile/stage-recorder';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { packSquares, type Squares } from '@graft-ml/core/internal/image/squares';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import type { ImageFacts, ImageFile } from './decode.ts';
import type { Examination } from './doctor/likeness.ts';
import { type ImageProcess, startImageProcess } from './image-process.ts';
import {
  costly,
  type DecodeTask,
  type ImageTasks,
  perform,
  type Reply,
  type TaskName,
  type ViewTask,
} from './image-tasks.ts';
import { atWork, type PoolWork } from './pool-work.ts';
import { factsOfSound, type Surveyed, type SurveyOptions } from './scan/sound.ts';

export type { DecodeTask, Reply, ViewTask } from './image-tasks.ts';

/** Many small views at once: the cost of a message is shared. */
export interface SquaresTask {
  readonly images: readonly ImageFile[];
  readonly request: EvaluationRequest;
  readonly size: number;
}

const work: PoolWork = Tinypool.workerData;

// The pool's threads are the parallelism; libvips adds none of its own, and keeps no images.
sharp.concurrency(1);
sharp.cache(false);

export function check(image: ImageFile): Promise<Reply<ImageFacts>> {
  return done('check', image);
}

export interface SurveyTask extends SurveyOptions {
  readonly images: readonly ImageFile[];
}

/** Many files in one message, in their order. */
export async function survey({ images, decode }: SurveyTask): Promise<Surveyed[]> {
  const results: Surveyed[] = [];
  for (const file of images) {
    const sound = decode === 'later' ? await inTurn(() => atWork(work, () => factsOfSound(file))) : undefined;
    if (sound) {
      results.push('problem' in sound ? sound.problem : sound);
      continue;
    }
    const checked = await done('check', file);
    results.push('problem' in checked ? checked.problem : { ...checked, isDecoded: true });
  }
  return results;
}

/** Checks an image like `check`, and adds the facts for the doctor. */
export function examine(image: ImageFile): Promise<Reply<Examination>> {
  return done('examine', image);
}

/** The view as planar u8 (3, size, size), or several of them; its memory moves to the asking thread. */
export async function view(task: ViewTask): Promise<unknown> {
  const reply = await done('view', task);
  return 'problem' in reply ? reply : Tinypool.move(reply.pixels);
}

/** A view of an image, and when which thread made it. */
export interface TimedView {
  readonly pixels: Uint8Array;
  readonly span: ImageSpan;
}

/** The view as `view` gives it, with the time that it took this thread. */
export async function timedView(task: ViewTask): Promise<Reply<TimedView>> {
  let start = 0;
  void previous.then(() => {
    start = performance.now();
  });
  const reply = await done('view', task);
  if ('problem' in reply) return reply;
  const { timeOrigin } = performance;
  const span = { start: timeOrigin + start, end: timeOrigin + performance.now(), thread: threadId };
  return { pixels: reply.pixels, span };
}

/** The whole image. */
export function decode(task: DecodeTask): Promise<Reply<RgbImage>> {
  return done('decode', task);
}

/** The views of several images, one after the other. */
export function squares({ images, request, size }: SquaresTask): Promise<Squares> {
  return packSquares(images, size, async (file) => {
    const reply = await done('view', { ...file, request, size, isHashed: true });
    if ('problem' in reply) throw new ImageError(reply.problem);
    return { pixels: reply.pixels, content: contentKey({ sha256: reply.sha256! }) };
  });
}

let previous: Promise<unknown> = Promise.resolve();
let apart: ImageProcess | undefined;

/**
 * Does a task when everything before it is done: a thread holds one decoded image, however many requests wait for it.
 */
function done<N extends TaskName>(name: N, task: ImageTasks[N]['task']): Promise<Reply<ImageTasks[N]['result']>> {
  return inTurn(async (): Promise<Reply<ImageTasks[N]['result']>> => {
    const here = await atWork(work, () => perform(name, task, 'thread'));
    if (here !== costly) return here;
    apart ??= startImageProcess();
    return apart.perform(name, task);
  });
}

function inTurn<T>(task: () => Promise<Reply<T>>): Promise<Reply<T>> {
  const result = previous.then(task).catch((error: unknown) => {
    if (error instanceof ImageError) return { problem: error.problem };
    throw error;
  });
  previous = result.catch(() => {});
  return result;
}
