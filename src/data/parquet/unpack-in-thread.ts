import { Worker } from 'node:worker_threads';
import { UserError } from '../../base/errors.ts';
import { builtWorker } from '../built-worker.ts';
import type { ColumnOptions } from '../readers/columns.ts';
import type { UnpackMessage, UnpackTask } from './unpack-worker.ts';

/** What reading a file may take: memory beyond what there was, and time for one row group. */
const limits = { bytes: 4 * 2 ** 30, heapMegabytes: 2048, stallMilliseconds: 120_000 } as const;
const watchMilliseconds = 100;

/**
 * Unpacks a Parquet file in a thread of its own, which is ended when it takes too much: a few bytes of run lengths can stand
 * for billions of values, and the reader fills them in.
 *
 * @throws UserError with what is wrong with the file
 */
export function unpackInThread(path: string, out: string, options: ColumnOptions): Promise<void> {
  const task: UnpackTask = { path, out, options };
  const worker = new Worker(builtWorker('parquet/unpack-worker.js'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes },
  });
  const before = process.memoryUsage.rss();
  let lastSign = performance.now();
  return new Promise<void>((resolve, reject) => {
    const refuse = (problem: string, cause?: unknown) =>
      reject(new UserError(`${path} is no sound Parquet file: ${problem}.`, { cause }));
    const watch = setInterval(() => {
      if (process.memoryUsage.rss() - before > limits.bytes) refuse('it unpacks to more memory than pictures need');
      else if (performance.now() - lastSign > limits.stallMilliseconds)
        refuse('a row group of it takes minutes to read');
      else return;
      clearInterval(watch);
      void worker.terminate();
    }, watchMilliseconds);
    worker.on('message', (message: UnpackMessage) => {
      lastSign = performance.now();
      if (message.kind === 'done') resolve();
      if (message.kind === 'refused') reject(new UserError(message.message));
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') refuse('it unpacks to more memory than pictures need', error);
      else reject(error);
    });
    worker.on('exit', () => {
      clearInterval(watch);
      reject(new Error(`The thread that read ${path} ended before it was done.`));
    });
  });
}
