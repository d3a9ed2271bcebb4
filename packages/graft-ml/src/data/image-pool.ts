/// <reference lib="esnext.disposable" preserve="true" />
import { createRequire } from 'node:module';
import type { ImageSpan } from '@graft-ml/core/internal/fit/profile/stage-recorder';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { Squares } from '@graft-ml/core/internal/image/squares';
import type { EvaluationRequest, ViewRequest } from '@graft-ml/core/internal/image/view';
import { Tinypool } from 'tinypool';
import { availableCores, builtProgram } from '../files/own-process.ts';
import type { ImageFacts, ImageFile } from './decode.ts';
import type { Examination } from './doctor/likeness.ts';
import type { DecodeTask, Reply, SquaresTask, SurveyTask, TimedView, ViewTask } from './image-worker.ts';
import { poolWork, stopWork } from './pool-work.ts';
import type { Surveyed, SurveyOptions } from './scan/sound.ts';

/**
 * Reads, decodes and crops images, which are files of their own (a path), parts of one, or in memory. Requests are
 * served in order. `createImagePool` has threads for it, and a process beside them for images that cost much.
 */
export interface ImagePool extends ImageDecoder, AsyncDisposable {
  /** Reads, hashes and fully decodes an image. @throws ImageError (by rejection) where it cannot be used */
  check(image: string | ImageFile): Promise<ImageFacts>;
  /**
   * Reads and hashes images, in one message to one thread; `decode: 'later'` decodes only those whose structure leaves
   * a doubt. In their order.
   */
  survey(images: readonly ImageFile[], options: SurveyOptions): Promise<readonly Surveyed[]>;
  /**
   * One view of an image as planar u8 (3, size, size), or as many as `places` asks for. @throws ImageError (by
   * rejection) where it cannot be used
   */
  view(image: string | ImageFile, request: ViewRequest, size: number): Promise<Uint8Array>;
  /**
   * One view of each of these images, in one message to one thread. Those that cannot be used are among its `problems`.
   */
  squares(images: readonly ImageFile[], request: EvaluationRequest, size: number): Promise<Squares>;
  /**
   * Ends the threads, each when it is done with its image; whatever is still waiting rejects. May be called at any time,
   * and again.
   */
  close(): Promise<void>;
}

/** A pool that can look closer. */
export interface ExaminingPool extends ImagePool {
  /** Checks an image like `check`, and adds the facts for the doctor. */
  examine(image: string | ImageFile): Promise<Examination>;
}

export interface ImagePoolOptions {
  readonly threads?: number;
  /** Hears when which thread made a view. */
  readonly onView?: ((span: ImageSpan) => void) | undefined;
}

/** A task of the threads, by its name in `image-worker.ts`. */
type Task = 'check' | 'survey' | 'examine' | 'view' | 'timedView' | 'squares' | 'decode';

/**
 * Starts a pool of threads, none of which needs this one's event loop to begin with a request. Default: a thread per
 * core, at most 8; each holds one decoded image at a time. Close it when done.
 */
export function createImagePool(options: ImagePoolOptions = {}): ExaminingPool {
  const { onView } = options;
  const threads = options.threads ?? Math.min(availableCores(), 8);
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(`createImagePool: threads is ${threads}, expected a whole number of at least 1`);
  }
  const work = poolWork();
  const start = async () => {
    (await import('./image/libvips.ts')).restrictLoaders(); // before there are threads
    return new Tinypool({
      filename: builtProgram('data/image-worker.js'),
      minThreads: threads,
      maxThreads: threads,
      // A request goes to its thread at once, not when an earlier one returns: training blocks the event loop
      // meanwhile.
      concurrentTasksPerWorker: Number.MAX_SAFE_INTEGER,
      workerData: work,
    });
  };
  let pool: Promise<Tinypool> | undefined;
  let closed = false;

  async function ask<T>(
    name: Task,
    task: ImageFile | ViewTask | SquaresTask | SurveyTask | DecodeTask,
    path: string,
  ): Promise<T> {
    const gone = (cause?: unknown) =>
      new Error(`The image pool was closed before it was done with ${path}.`, { cause });
    if (closed) throw gone();
    pool ??= start();
    const threads = await pool;
    if (closed) throw gone();
    const reply: Reply<T & object> = await threads.run(task, { name }).catch((error: unknown) => {
      throw closed ? gone(error) : error;
    });
    if ('problem' in reply) throw new ImageError(reply.problem);
    return reply;
  }

  const close = async () => {
    closed = true;
    const threads = await pool;
    if (!threads) return;
    await stopWork(work);
    await threads.destroy();
  };
  return {
    get identity() {
      return `libvips-${libvipsVersion()}`;
    },
    decode: ({ bytes, name }, reading) => ask('decode', { path: name, bytes, reading }, name),
    check: (image) => ask('check', fileOf(image), fileOf(image).path),
    survey: (images, { decode }) => ask('survey', { images: images.map(fileOf), decode }, images[0]?.path ?? 'nothing'),
    examine: (image) => ask('examine', fileOf(image), fileOf(image).path),
    async view(image, request, size) {
      const task = { ...fileOf(image), request, size };
      if (!onView) return ask('view', task, task.path);
      const { pixels, span } = await ask<TimedView>('timedView', task, task.path);
      onView(span);
      return pixels;
    },
    squares: (images, request, size) =>
      ask('squares', { images: images.map(fileOf), request, size }, images[0]?.path ?? 'nothing'),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Loaded when it is needed: libvips takes a while to load, and not every pool decodes anything. */
function libvipsVersion(): string {
  const { versions }: typeof import('sharp') = createRequire(import.meta.url)('sharp');
  return versions.vips;
}

/** The part of an image that a thread needs to read it. */
function fileOf(image: string | ImageFile): ImageFile {
  if (typeof image === 'string') return { path: image };
  const { path, within, bytes } = image;
  if (bytes) return { path, bytes };
  return within ? { path, within } : { path };
}
