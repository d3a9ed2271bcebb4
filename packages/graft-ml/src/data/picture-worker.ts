/** What a thread of the picture pool does. Loaded by `picture-pool.ts`, always as the built file. */

import { PictureError, type PictureProblem } from '@graft-ml/core/internal/image/problem';
import { type ContentKey, contentKey } from '@graft-ml/core/internal/image/seen';
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import type { PictureFile } from './decode.ts';
import type { Examination } from './doctor/examine.ts';
import { type ImageProcess, startImageProcess } from './image-process.ts';
import type { PictureFacts } from './picture-facts.ts';
import {
  costly,
  type EvaluationRequest,
  type PictureTasks,
  perform,
  type Reply,
  type TaskName,
  type ViewTask,
} from './picture-tasks.ts';
import { factsOfSound, type Surveyed, type SurveyOptions } from './scan/survey.ts';

export type { EvaluationRequest, Reply, TrainingRequest, ViewRequest, ViewTask } from './picture-tasks.ts';

/** Many small views at once, so that what a message costs does not count. */
export interface SquaresTask {
  readonly pictures: readonly PictureFile[];
  readonly request: EvaluationRequest;
  readonly size: number;
}

/** Views as compact as they can be: of a grey picture one plane is kept, because its three are equal. */
export interface Squares {
  /** For each picture: 1, 3, or 0 where it cannot be used. */
  readonly planes: Uint8Array;
  /** (sum of `planes`, size, size) */
  readonly pixels: Uint8Array;
  /** The `ContentKey` of each picture's file; '' where it could not be read. */
  readonly contents: readonly ContentKey[];
  /** What is wrong with the pictures without planes, in their order. */
  readonly problems: readonly PictureProblem[];
}

// The pool's threads are the parallelism; libvips adds none of its own, and keeps no pictures.
sharp.concurrency(1);
sharp.cache(false);

export function check(picture: PictureFile): Promise<Reply<PictureFacts>> {
  return done('check', picture);
}

export interface SurveyTask extends SurveyOptions {
  readonly pictures: readonly PictureFile[];
}

/** Many files in one message, in their order. */
export async function survey({ pictures, decode }: SurveyTask): Promise<Surveyed[]> {
  const results: Surveyed[] = [];
  for (const file of pictures) {
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
export function examine(picture: PictureFile): Promise<Reply<Examination>> {
  return done('examine', picture);
}

/** The view as planar u8 (3, size, size), or several of them; its memory moves to the asking thread. */
export async function view(task: ViewTask): Promise<unknown> {
  const reply = await done('view', task);
  return 'problem' in reply ? reply : Tinypool.move(reply.pixels);
}

/** The views of several pictures, one after the other. */
export async function squares({ pictures, request, size }: SquaresTask): Promise<Squares> {
  const area = size * size;
  const pixels = new Uint8Array(3 * area * pictures.length);
  const planes = new Uint8Array(pictures.length);
  const problems: PictureProblem[] = [];
  const contents = new Array<ContentKey>(pictures.length).fill('');
  let used = 0;
  for (const [i, file] of pictures.entries()) {
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

/** Whether the three planes of a picture are equal. */
function isGrey(pixels: Uint8Array): boolean {
  const area = pixels.length / 3;
  const [red, green, blue] = [0, 1, 2].map((c) => Buffer.from(pixels.buffer, pixels.byteOffset + c * area, area));
  return red!.equals(green!) && red!.equals(blue!);
}

let previous: Promise<unknown> = Promise.resolve();
let apart: ImageProcess | undefined;

/** Does a task when everything before it is done: a thread holds one decoded picture, however many requests wait for it. */
function done<N extends TaskName>(name: N, task: PictureTasks[N]['task']): Promise<Reply<PictureTasks[N]['result']>> {
  return inTurn(async (): Promise<Reply<PictureTasks[N]['result']>> => {
    const here = await perform(name, task, 'thread');
    if (here !== costly) return here;
    apart ??= startImageProcess();
    return apart.perform(name, task);
  });
}

function inTurn<T>(work: () => Promise<Reply<T>>): Promise<Reply<T>> {
  const result = previous.then(work).catch((error: unknown) => {
    if (error instanceof PictureError) return { problem: error.problem };
    throw error;
  });
  previous = result.catch(() => {});
  return result;
}
