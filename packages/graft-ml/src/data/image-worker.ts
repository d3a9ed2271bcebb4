/** What a thread of the image pool does. Loaded by `image-pool.ts`, always as the built file. */

import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { type ContentKey, contentKey } from '@graft-ml/core/internal/image/seen';
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import type { ImageFile } from './decode.ts';
import type { Examination } from './doctor/examine.ts';
import type { ImageFacts } from './image-facts.ts';
import { type ImageProcess, startImageProcess } from './image-process.ts';
import {
  costly,
  type EvaluationRequest,
  type ImageTasks,
  perform,
  type Reply,
  type TaskName,
  type ViewTask,
} from './image-tasks.ts';
import { factsOfSound, type Surveyed, type SurveyOptions } from './scan/survey.ts';

export type { EvaluationRequest, Reply, TrainingRequest, ViewRequest, ViewTask } from './image-tasks.ts';

/** Many small views at once, so that what a message costs does not count. */
export interface SquaresTask {
  readonly images: readonly ImageFile[];
  readonly request: EvaluationRequest;
  readonly size: number;
}

/** Views as compact as they can be: of a grey image one plane is kept, because its three are equal. */
export interface Squares {
  /** For each image: 1, 3, or 0 where it cannot be used. */
  readonly planes: Uint8Array;
  /** (sum of `planes`, size, size) */
  readonly pixels: Uint8Array;
  /** The `ContentKey` of each image's file; '' where it could not be read. */
  readonly contents: readonly ContentKey[];
  /** What is wrong with the images without planes, in their order. */
  readonly problems: readonly ImageProblem[];
}

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
    const sound = decode === 'later' ? await inTurn(() => factsOfSound(file)) : undefined;
    if (sound) {
      results.push('problem' in sound ? sound.problem : sound);
      continue;
    }
    const checked = await done('check', file);
    results.push('problem' in checked ? checked.problem : { ...checked, isDecoded: true });
  }
  return results;
}

/** As `check`, with what the doctor wants to know. */
export function examine(image: ImageFile): Promise<Reply<Examination>> {
  return done('examine', image);
}

/** The view as planar u8 (3, size, size), or several of them; its memory moves to the asking thread. */
export async function view(task: ViewTask): Promise<unknown> {
  const reply = await done('view', task);
  return 'problem' in reply ? reply : Tinypool.move(reply.pixels);
}

/** The views of several images, one after the other. */
export async function squares({ images, request, size }: SquaresTask): Promise<Squares> {
  const area = size * size;
  const pixels = new Uint8Array(3 * area * images.length);
  const planes = new Uint8Array(images.length);
  const problems: ImageProblem[] = [];
  const contents = new Array<ContentKey>(images.length).fill('');
  let used = 0;
  for (const [i, file] of images.entries()) {
    const reply = await done('view', { ...file, request, size, isHashed: true });
    if ('problem' in reply) {
      problems.push(reply.problem);
      continue;
    }
    contents[i] = contentKey({ sha256: reply.sha256! });
    planes[i] = isGrey(reply.pixels) ? 1 : 3;
    pixels.set(reply.pixels.subarray(0, planes[i]! * area), used);
    used += planes[i]! * area;
  }
  return { planes, pixels: pixels.slice(0, used), contents, problems };
}

/** Whether the three planes of an image are equal. */
function isGrey(pixels: Uint8Array): boolean {
  const area = pixels.length / 3;
  const [red, green, blue] = [0, 1, 2].map((c) => Buffer.from(pixels.buffer, pixels.byteOffset + c * area, area));
  return red!.equals(green!) && red!.equals(blue!);
}

let previous: Promise<unknown> = Promise.resolve();
let apart: ImageProcess | undefined;

/** Does a task when everything before it is done: a thread holds one decoded image, however many requests wait for it. */
function done<N extends TaskName>(name: N, task: ImageTasks[N]['task']): Promise<Reply<ImageTasks[N]['result']>> {
  return inTurn(async (): Promise<Reply<ImageTasks[N]['result']>> => {
    const here = await perform(name, task, 'thread');
    if (here !== costly) return here;
    apart ??= startImageProcess();
    return apart.perform(name, task);
  });
}

function inTurn<T>(work: () => Promise<Reply<T>>): Promise<Reply<T>> {
  const result = previous.then(work).catch((error: unknown) => {
    if (error instanceof ImageError) return { problem: error.problem };
    throw error;
  });
  previous = result.catch(() => {});
  return result;
}
