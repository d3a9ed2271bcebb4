import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenWorkers, RunWorkers, WorkersOrder } from '@graft-ml/core/internal/runs/run-workers';
import type { Executor } from './executor.ts';
import { openFarm } from './farm.ts';
import { folderStore } from './folder-store.ts';
import type { DataReference } from './job.ts';
import { localExecutor } from './local-executor.ts';
import type { ObjectStore } from './object-store.ts';
import { type WorkersElsewhereOptions, workersElsewhere } from './workers.ts';

/** Options of `localWorkers`. */
export interface LocalWorkersOptions extends WorkersElsewhereOptions {
  /** Processes at once. Default: as many as there are cores, and memory for. */
  readonly jobs?: number | undefined;
}

/** The folder in a run's folder with what its workers have reached. It is removed when the run is complete. */
export const workersFolder = 'workers';

/**
 * Opens the workers of a run in child processes of this machine. Until the run is complete, its folder has what they
 * reached.
 *
 * @example
 * const config = { strategy: 'full', workers: 2, averageEvery: 20 } as const;
 * for await (const event of trainFolder('photos', config, { out: 'runs/x', openWorkers: localWorkers() })) …
 */
export function localWorkers({ jobs, ...options }: LocalWorkersOptions = {}): OpenWorkers {
  return (order) => {
    const root = join(order.out, workersFolder);
    const store = folderStore(join(root, 'objects'));
    const executor = localExecutor({ root, store, ...(jobs !== undefined && { jobs }) });
    return workersOver(order, { executor, store, root, ship: null }, options);
  };
}

/** What workers of one run are opened on, for this run alone. */
export interface OwnExecutor {
  readonly executor: Executor;
  readonly store: ObjectStore;
  /** The folder of the jobs' folders on this machine. */
  readonly root: string;
  readonly ship: ((path: string) => Promise<DataReference>) | null;
}

/** The workers of a run on an executor that is closed with them. */
export async function workersOver(
  order: WorkersOrder,
  { executor, store, root, ship }: OwnExecutor,
  options: WorkersElsewhereOptions,
): Promise<RunWorkers> {
  try {
    const workers = await workersElsewhere(openFarm({ executor, store, ship }), options)(order);
    return {
      ...workers,
      async completed() {
        await workers.completed();
        await rm(root, { recursive: true, force: true });
      },
      [Symbol.asyncDispose]: () => executor.close(),
    };
  } catch (error) {
    await executor.close();
    throw error;
  }
}
