import { resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Executor } from './executor.ts';
import type { DataReference, Job } from './job.ts';
import type { ObjectStore } from './object-store.ts';

/** What a farm is made of. */
export interface FarmParts {
  /** Does the work. Nobody else listens to its events. */
  readonly executor: Executor;
  /** The store that the executor's jobs are given, through which their results come back. */
  readonly store: ObjectStore;
  /** Sends a dataset or a file to the store, once; null where jobs see the files of this machine. */
  readonly ship: ((path: string) => Promise<DataReference>) | null;
}

/** Does the parts of a computation as jobs: each is sent, and its result waited for, alone. */
export interface Farm extends Pick<FarmParts, 'store' | 'ship'> {
  /** How many jobs are done at once, as far as is known now; at least 1. */
  concurrency(): Promise<number>;
  /** A dataset or a file as jobs find it. */
  reference(path: string): Promise<DataReference>;
  /**
   * The result of a job. One that was cancelled or failed, perhaps in an earlier process, is tried again once.
   *
   * @param schema checks the result, which came from another process
   * @param signal cancels the job
   * @throws UserError where it fails; the signal's reason
   */
  result<Result>(job: Job, schema: { parse(result: unknown): Result }, signal?: AbortSignal): Promise<Result>;
}

interface Waiting {
  isTriedAgain: boolean;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Workers are counted so often, in milliseconds: a queue's server lists all of its connections for it. */
const countInterval = 2000;

/** A farm over an executor, which stays its owner's to close. */
export function openFarm({ executor, store, ship }: FarmParts): Farm {
  const waiting = new Map<string, Waiting>();
  const references = new Map<string, Promise<DataReference>>();
  let counted = { at: Number.NEGATIVE_INFINITY, count: Promise.resolve(1) };
  const settle = (id: string, how: (job: Waiting) => void) => {
    const job = waiting.get(id);
    waiting.delete(id);
    if (job) how(job);
  };
  const tryAgain = (id: string, error: UserError) => {
    const job = waiting.get(id);
    if (!job) return;
    if (job.isTriedAgain) {
      settle(id, ({ reject }) => reject(error));
      return;
    }
    job.isTriedAgain = true;
    executor.resume(id).catch((reason: unknown) => settle(id, ({ reject }) => reject(reason)));
  };
  const listen = async () => {
    for await (const event of executor.events()) {
      if (event.kind === 'done') settle(event.id, ({ resolve }) => resolve(event.result));
      if (event.kind === 'failed') tryAgain(event.id, new UserError(event.message));
      if (event.kind === 'cancelled') tryAgain(event.id, new UserError(`${event.id} was cancelled.`));
    }
    throw new UserError('The executor was closed before its jobs were done.');
  };
  listen().catch((error: unknown) => {
    for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(error));
  });

  return {
    store,
    ship,
    concurrency() {
      if (performance.now() - counted.at > countInterval)
        counted = { at: performance.now(), count: executor.concurrency() };
      return counted.count;
    },
    reference(path) {
      const found =
        references.get(path) ?? (ship ? ship(path) : Promise.resolve({ path: resolve(path), sha256: null }));
      references.set(path, found);
      return found;
    },
    async result(job, schema, signal) {
      signal?.throwIfAborted();
      let onAbort = () => {};
      const ended = new Promise<unknown>((resolve, reject) => {
        waiting.set(job.id, { isTriedAgain: false, resolve, reject });
        onAbort = () => {
          settle(job.id, () => reject(signal?.reason));
          executor.cancel(job.id).catch(() => {}); // nobody waits for it any more
        };
        signal?.addEventListener('abort', onAbort);
      });
      ended.catch(() => {}); // where the submission fails first
      try {
        await executor.submit(job);
        return schema.parse(await ended);
      } finally {
        waiting.delete(job.id);
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
