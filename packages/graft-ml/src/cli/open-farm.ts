import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { Executor } from '../jobs/executor.ts';
import type { DataReference } from '../jobs/job.ts';
import type { ObjectStore } from '../jobs/object-store.ts';
import type { OpenedFarm } from '../jobs/open-farm.ts';
import type { FarmFlags } from './options/farm.ts';
import type { Terminal } from './terminal.ts';

/** The flags where none is given. */
export const noFarm: FarmFlags = { jobs: null, queue: null, store: null };

/**
 * The farm that flags name, for as long as the work takes; null where they name none.
 *
 * @param name keeps its jobs apart from others in a queue
 * @throws UsageError where they do not go together
 */
export async function withFarm<T>(
  { jobs, queue, store }: FarmFlags,
  { name, terminal }: { readonly name: string; readonly terminal: Terminal },
  work: (farm: OpenedFarm | null) => Promise<T>,
): Promise<T> {
  assertTogether({ jobs, queue, store });
  if (jobs === null && queue === null) return work(null);
  const { localFarm, queueFarm } = await import('../jobs/open-farm.ts');
  await using farm =
    queue !== null && store !== null
      ? await queueFarm({ queue, store, name, onNote: (note) => terminal.note(note) })
      : await localFarm({ jobs: jobs ?? undefined });
  return await work(farm);
}

/**
 * The executor that flags name, for as long as the work takes; undefined where they name none. The folders of its jobs
 * are in `out`, and are all that is kept of them.
 *
 * @throws UsageError where they do not go together
 */
export async function withExecutor<T>(
  { jobs, queue, store: place }: FarmFlags,
  { out, terminal }: { readonly out: string; readonly terminal: Terminal },
  work: (executor: Executor | undefined) => Promise<T>,
): Promise<T> {
  assertTogether({ jobs, queue, store: place });
  if (queue !== null && place !== null) {
    await using executor = (await openQueue({ queue, place }, { root: out, name: queueNameOf(out), terminal }))
      .executor;
    return await work(executor);
  }
  if (jobs === null) return work(undefined);
  const { localExecutor } = await import('../jobs/local-executor.ts');
  const folder = await mkdtemp(join(tmpdir(), 'graft-jobs-'));
  try {
    await using executor = localExecutor({ root: out, file: join(folder, 'jobs.db'), jobs });
    return await work(executor);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The place of jobs at a queue. */
export interface QueuePlace {
  readonly executor: Executor;
  readonly store: ObjectStore;
  /** Sends a dataset or a file to the store. */
  ship(path: string): Promise<DataReference>;
}

/** Opens the queue and the store that flags name. @param root the folder that gets the folders of jobs */
export async function openQueue(
  { queue, place }: { readonly queue: string; readonly place: string },
  { root, name, terminal }: { readonly root: string; readonly name: string; readonly terminal: Terminal },
): Promise<QueuePlace> {
  const { openStore, queueExecutor, shipData } = await import('../jobs/index.ts');
  const store = await openStore(place);
  const executor = await queueExecutor({ queue, store, root, name, onNote: (note) => terminal.note(note) });
  return { executor, store, ship: (path) => shipData(store, path) };
}

/** The name of what a folder holds, among the jobs of others in a queue. */
export const queueNameOf = (out: string) => basename(resolve(out)).replace(/[^\w.-]/g, '-');

/** @throws UsageError where the flags do not go together */
export function assertTogether({ jobs, queue, store }: FarmFlags, command?: string): void {
  const prefix = command === undefined ? '' : `${command}: `;
  if ((queue === null) !== (store === null)) {
    throw new UsageError(
      `${prefix}--queue and --store go together: workers get images, and give back results, through the store.`,
    );
  }
  if (queue !== null && jobs !== null) {
    throw new UsageError(`${prefix}--jobs is for this machine; \`graft worker --jobs\` says it for a worker.`);
  }
}
