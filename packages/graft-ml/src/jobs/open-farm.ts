/// <reference lib="esnext.disposable" preserve="true" />
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Farm, openFarm } from './farm.ts';
import { folderStore } from './folder-store.ts';
import { localExecutor } from './local-executor.ts';
import { openStore } from './open-store.ts';
import { queueExecutor } from './queue-executor.ts';
import { shipData } from './shipped-data.ts';

/** A farm that is closed when its work is done. */
export interface OpenedFarm extends Farm, AsyncDisposable {
  /** Jobs under way stop. */
  close(): Promise<void>;
}

/** Options of `localFarm`. */
export interface LocalFarmOptions {
  /** How many jobs are done at once. Default: as many as there are cores, and memory for. */
  readonly jobs?: number | undefined;
}

/** Child processes of this machine as a farm. What they leave is gone when it is closed. */
export async function localFarm({ jobs }: LocalFarmOptions = {}): Promise<OpenedFarm> {
  const root = await mkdtemp(join(tmpdir(), 'graft-jobs-'));
  const store = folderStore(join(root, 'objects'));
  const executor = localExecutor({ root, jobs, store });
  return closable(openFarm({ executor, store, ship: null }), async () => {
    await executor.close();
    await rm(root, { recursive: true, force: true });
  });
}

/** Options of `queueFarm`. */
export interface QueueFarmOptions {
  /** `redis://`, `rediss://` or `postgres://`, with user and password where it asks for them. */
  readonly queue: string;
  /** A folder that all machines see, or `s3://bucket/prefix`. */
  readonly store: string;
  /** Keeps its jobs apart from others in the queue: letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /** Is told of troubles on the way to the queue, which is tried again. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Workers anywhere (`graft worker`) as a farm: they take jobs from the queue, and get datasets through the store.
 *
 * @throws UserError (by rejection) where queue or store cannot be reached, or a package is not installed
 */
export async function queueFarm({ queue, store: place, name, onNote }: QueueFarmOptions): Promise<OpenedFarm> {
  const store = await openStore(place);
  const root = await mkdtemp(join(tmpdir(), 'graft-jobs-'));
  const executor = await queueExecutor({ queue, store, root, name, onNote }).catch(async (error: unknown) => {
    await rm(root, { recursive: true, force: true });
    throw error;
  });
  return closable(openFarm({ executor, store, ship: (path) => shipData(store, path) }), async () => {
    await executor.close();
    await rm(root, { recursive: true, force: true });
  });
}

function closable(farm: Farm, end: () => Promise<void>): OpenedFarm {
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= end();
    return closed;
  };
  return { ...farm, close, [Symbol.asyncDispose]: close };
}
