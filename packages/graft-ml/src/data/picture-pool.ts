import { availableParallelism } from 'node:os';
import { PictureError } from '@graft-ml/core/internal/image/problem';
import { Tinypool } from 'tinypool';
import { builtWorker } from '../files/package-file.ts';
import type { PictureFile } from './decode.ts';
import type { Examination } from './doctor/examine.ts';
import type { PictureFacts } from './picture-facts.ts';
import type {
  EvaluationRequest,
  Reply,
  Squares,
  SquaresTask,
  SurveyTask,
  ViewRequest,
  ViewTask,
} from './picture-worker.ts';
import type { Surveyed, SurveyOptions } from './scan/survey.ts';

/**
 * Threads that read, decode and crop pictures, which are files of their own (a path) or parts of one. Requests are served in
 * order, and none needs the event loop to begin.
 */
export interface PicturePool {
  /** Reads, hashes and fully decodes a picture. @throws PictureError (by rejection) where it cannot be used */
  check(picture: string | PictureFile): Promise<PictureFacts>;
  /** Reads and hashes pictures, in one message to one thread; `decode: 'later'` decodes only those whose structure leaves a doubt. In their order. */
  survey(pictures: readonly PictureFile[], options: SurveyOptions): Promise<readonly Surveyed[]>;
  /** As `check`, with what the doctor wants to know. */
  examine(picture: string | PictureFile): Promise<Examination>;
  /** One view of a picture as planar u8 (3, size, size), or as many as `places` asks for. @throws PictureError (by rejection) where it cannot be used */
  view(picture: string | PictureFile, request: ViewRequest, size: number): Promise<Uint8Array>;
  /** One view of each of these pictures, in one message to one thread. Those that cannot be used are among its `problems`. */
  squares(pictures: readonly PictureFile[], request: EvaluationRequest, size: number): Promise<Squares>;
  /** Ends the threads; whatever is still waiting rejects. May be called at any time, and again. */
  close(): Promise<void>;
}

/** What a thread can be asked for, by the names in `picture-worker.ts`. */
type Task = 'check' | 'survey' | 'examine' | 'view' | 'squares';

/** Starts a pool. Default: a thread per core, at most 8; each holds one decoded picture at a time. Close it when done. */
export function createPicturePool(options: { threads?: number } = {}): PicturePool {
  const threads = options.threads ?? Math.min(availableParallelism(), 8);
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(`createPicturePool: threads is ${threads}, expected a whole number of at least 1`);
  }
  const pool = new Tinypool({
    filename: builtWorker('data/picture-worker.js'),
    minThreads: threads,
    maxThreads: threads,
    // A request goes to its thread at once, not when an earlier one returns: training blocks the event loop meanwhile.
    concurrentTasksPerWorker: Number.MAX_SAFE_INTEGER,
  });
  let closed = false;

  async function ask<T>(name: Task, task: PictureFile | ViewTask | SquaresTask | SurveyTask, path: string): Promise<T> {
    const gone = (cause?: unknown) =>
      new Error(`The picture pool was closed before it was done with ${path}.`, { cause });
    if (closed) throw gone();
    const reply: Reply<T & object> = await pool.run(task, { name }).catch((error: unknown) => {
      throw closed ? gone(error) : error;
    });
    if ('problem' in reply) throw new PictureError(reply.problem);
    return reply;
  }

  return {
    check: (picture) => ask('check', fileOf(picture), fileOf(picture).path),
    survey: (pictures, { decode }) =>
      ask('survey', { pictures: pictures.map(fileOf), decode }, pictures[0]?.path ?? 'nothing'),
    examine: (picture) => ask('examine', fileOf(picture), fileOf(picture).path),
    view: (picture, request, size) => ask('view', { ...fileOf(picture), request, size }, fileOf(picture).path),
    squares: (pictures, request, size) =>
      ask('squares', { pictures: pictures.map(fileOf), request, size }, pictures[0]?.path ?? 'nothing'),
    close: () => {
      closed = true;
      return pool.destroy();
    },
  };
}

/** What of a picture a thread needs to read it. */
function fileOf(picture: string | PictureFile): PictureFile {
  if (typeof picture === 'string') return { path: picture };
  const { path, within } = picture;
  return within ? { path, within } : { path };
}
