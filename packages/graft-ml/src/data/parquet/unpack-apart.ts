import { fork } from 'node:child_process';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { builtProgram, residentBytes } from '../../files/own-process.ts';
import type { ColumnOptions } from '../readers/columns.ts';
import type { UnpackMessage, UnpackTask } from './unpack-process.ts';

/** Limits on reading a file: memory, and time for one row group. */
const limits = { bytes: 4 * 2 ** 30, heapMegabytes: 768, stallMilliseconds: 120_000 } as const;
const watchMilliseconds = 100;

/**
 * Unpacks a Parquet file in a process of its own, which is ended when it takes too much. A few bytes of run lengths can
 * stand for billions of values, and V8 ends a process, not a thread, when an array grows beyond what it can be.
 *
 * @throws UserError with what is wrong with the file
 */
export function unpackApart(path: string, out: string, options: ColumnOptions): Promise<void> {
  const child = fork(builtProgram('data/parquet/unpack-process.js'), {
    execArgv: [`--max-old-space-size=${limits.heapMegabytes}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise<void>((resolve, reject) => {
    const refuse = (problem: string) => reject(new UserError(`${path} is no sound Parquet file: ${problem}.`));
    let lastSign = performance.now();
    const watch = setInterval(() => {
      if (performance.now() - lastSign > limits.stallMilliseconds) refuse('a row group of it takes minutes to read');
      else if (residentBytes(child.pid) > limits.bytes) refuse('it unpacks to more memory than images need');
      else return;
      child.kill('SIGKILL');
    }, watchMilliseconds);
    child.on('message', (message: UnpackMessage) => {
      lastSign = performance.now();
      if (message.kind === 'done') resolve();
      if (message.kind === 'refused') reject(new UserError(message.message));
      if (message.kind === 'failed') reject(new Error(`The process that read ${path} failed: ${message.stack}`));
    });
    child.on('error', reject);
    child.on('exit', () => {
      clearInterval(watch);
      // It has said how it ended, unless it was killed.
      refuse('its rows cannot be held in memory');
    });
    child.send({ path, out, options } satisfies UnpackTask);
  });
}
