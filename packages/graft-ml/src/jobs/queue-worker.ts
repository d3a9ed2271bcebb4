import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { privateFolder } from '../files/cache-folder.ts';
import { lockRun } from '../runs/run-lock.ts';
import type { DataReference, Job, JobContext } from './job.ts';
import { jobProcesses } from './job-process.ts';
import { type FolderMirror, folderMirror, latestAttempt, pullFolder } from './mirrored-folder.ts';
import type { ObjectStore } from './object-store.ts';
import {
  notedOnce,
  type OpenQueue,
  openBullmq,
  openQueue,
  parseQueueAddress,
  type QueuedJob,
  queueName,
  queuePrefix,
  reasonOf,
} from './queue-connection.ts';
import {
  folderPrefix,
  type HistoryLine,
  messageOf,
  type Outcome,
  type QueuedTask,
  queuedJobSchema,
  queueKey,
} from './queue-messages.ts';
import { fetchData } from './shipped-data.ts';

/** What happens at a worker. */
export type WorkerEvent =
  | { readonly kind: 'ready'; readonly worker: string; readonly queue: string; readonly store: string }
  | { readonly kind: 'started'; readonly job: string; readonly attempt: number }
  | { readonly kind: 'report'; readonly job: string; readonly report: unknown }
  | { readonly kind: 'done' | 'cancelled' | 'given-back' | 'lost'; readonly job: string; readonly seconds: number }
  | { readonly kind: 'failed'; readonly job: string; readonly seconds: number; readonly message: string }
  | { readonly kind: 'note'; readonly message: string };

/** Does a job; null where its signal came first. @throws UserError where it fails, and would again */
export type DoJob = (job: Job, context: JobContext<unknown>) => Promise<unknown>;

export interface QueueWorkerOptions {
  /** `redis://`, `rediss://` or `postgres://`, with user and password where it asks for them. */
  readonly queue: string;
  readonly store: ObjectStore;
  /** The folder for datasets and for the jobs at work. */
  readonly cache: string;
  /** How many jobs are done at once. */
  readonly jobs: number;
  /** Asks it to stop: jobs save at the next safe point and are given back, for others to go on with. */
  readonly signal: AbortSignal;
  /** Does a job. Default: in a process of its own. */
  readonly doJob?: DoJob | undefined;
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined;
  /**
   * After so long (milliseconds) without a sign of life from this worker its jobs are given to others. Default 30,000.
   */
  readonly patience?: number | undefined;
}

/** How often a worker looks whether a job of its was cancelled, in milliseconds. */
const lookInterval = 1000;
/** How soon a line that did not reach the queue is written again, in milliseconds. */
const writeInterval = 500;
/** How often a job is given to another worker because the one it had fell silent. */
const mostTakeovers = 20;

/** Why a job was asked to stop. */
type Reason = 'cancelled' | 'leaving' | 'lost';

/**
 * Takes jobs from a queue and does them, until its signal is aborted.
 *
 * @throws UserError (by rejection) where the queue cannot be reached, or a package is not installed
 */
export async function runWorker(options: QueueWorkerOptions): Promise<void> {
  const { store, cache, jobs, signal, onEvent = () => {}, patience = 30_000 } = options;
  const processes = jobProcesses({ GRAFT_CACHE: cache });
  const { doJob = processes.run } = options;
  const address = parseQueueAddress(options.queue);
  const bullmq = await openBullmq(address);
  const note = notedOnce((reason) => onEvent({ kind: 'note', message: `${address.place}: ${reason}` }));
  const queue = await openQueue(bullmq, address, note);
  const folder = await workFolder(cache);
  const atWork = new Map<string, AtWork>();
  const name = `${hostname()}.${process.pid}*${jobs}`;

  const doQueued = async (job: QueuedJob, token = ''): Promise<Outcome> => {
    const task = queuedJobSchema.safeParse(job.data).data;
    if (!task || job.id !== queueKey(task.name, task.id)) {
      throw new bullmq.UnrecoverableError('It is not a job of this version of Graft.');
    }
    if (task.isCancelled) return { kind: 'cancelled', attempt: null };
    const work = beginWork(task, {
      ...{ store, cache, doJob, queue, job, onEvent },
      folder: folder.path,
      worker: name,
    });
    atWork.set(job.id, work);
    try {
      if (signal.aborted) work.stop('leaving');
      const outcome = await work.outcome;
      if (outcome !== 'leaving') return outcome;
      await job.moveToWait(token);
      throw new bullmq.WaitingError();
    } catch (error) {
      // Its handler has said so, and would again. Everything else may be the machine's, the store's or the network's.
      throw error instanceof JobFailure ? new bullmq.UnrecoverableError(error.message) : error;
    } finally {
      // A job that was lost may be this worker's again already.
      if (atWork.get(job.id) === work) atWork.delete(job.id);
    }
  };

  const worker = new bullmq.Worker<unknown, Outcome>(queueName, doQueued, {
    connection: address,
    prefix: queuePrefix,
    name,
    concurrency: jobs,
    lockDuration: patience,
    stalledInterval: patience / 2,
    maxStalledCount: mostTakeovers,
    runRetryDelay: 2000,
  });
  worker.on('error', note);
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) atWork.get(id)?.stop('lost');
  });
  await worker.waitUntilReady();
  onEvent({ kind: 'ready', worker: name, queue: address.place, store: store.place });
  const look = setInterval(() => {
    for (const each of atWork.values()) each.look().catch(note);
  }, lookInterval);
  try {
    await aborted(signal);
    for (const each of atWork.values()) each.stop('leaving');
    await worker.close();
  } finally {
    clearInterval(look);
    processes.close();
    await queue.close();
    await folder.release();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** An error of a job that would come again. */
class JobFailure extends Error {
  override readonly name = 'JobFailure';
}

interface AtWork {
  readonly outcome: Promise<Outcome | 'leaving'>;
  stop(reason: Reason): void;
  /** Looks whether it was cancelled, or taken out of the queue. */
  look(): Promise<void>;
}

interface WorkOptions extends Pick<QueueWorkerOptions, 'store' | 'cache'> {
  readonly doJob: DoJob;
  readonly queue: OpenQueue;
  readonly job: QueuedJob;
  /** The folder for the folders of jobs. */
  readonly folder: string;
  readonly worker: string;
  readonly onEvent: (event: WorkerEvent) => void;
}

function beginWork(task: QueuedTask, options: WorkOptions): AtWork {
  const { queue, job } = options;
  const stopped = new AbortController();
  let reason: Reason | null = null;
  const stop = (why: Reason) => {
    // Whose job is not ours any more has nothing to give back.
    if (reason === null || why === 'lost') reason = why;
    stopped.abort();
  };
  const look = async () => {
    const now = await queue.getJob(queueKey(task.name, task.id));
    if (!now || now.processedOn !== job.processedOn) stop('lost');
    else if (queuedJobSchema.safeParse(now.data).data?.isCancelled === true) stop('cancelled');
  };
  return {
    outcome: doWork(task, { ...options, signal: stopped.signal, reason: () => reason, look }),
    stop,
    look,
  };
}

async function doWork(
  task: QueuedTask,
  options: WorkOptions & { readonly signal: AbortSignal; reason(): Reason | null; look(): Promise<void> },
): Promise<Outcome | 'leaving'> {
  const { job, store, reason, worker, onEvent } = options;
  const { id } = task;
  const start = performance.now();
  const prefix = folderPrefix(task);
  const folder = join(await privateFolder(options.folder, randomUUID()), id);
  const history = historyOf(job, () => reason() === 'lost');
  const end = (kind: 'done' | 'cancelled' | 'given-back' | 'lost') =>
    onEvent({ kind, job: id, seconds: (performance.now() - start) / 1000 });
  try {
    const before = await latestAttempt(store, prefix);
    // The queue forgets attempts with the job, the store knows none that was killed before it saved anything.
    const number = Math.max(attemptNumber(before) + 1, job.attemptsStarted);
    const attempt = `${String(number).padStart(6, '0')}-${randomBytes(4).toString('hex')}`;
    if (before === null) await privateFolder(folder);
    else await pullFolder(store, prefix, before, folder);
    const mirror = folderMirror(store, prefix, attempt);
    onEvent({ kind: 'started', job: id, attempt: number });
    history.add({ event: 'started', attempt: number, worker });
    const result = await options
      .doJob({ id, kind: task.kind, task: task.task }, contextOf(task, { ...options, folder, mirror, history }))
      .catch((error: unknown) => {
        throw error instanceof UserError ? new JobFailure(error.message) : error;
      });
    await history.settled();
    if (reason() === 'lost') throw new Error('The job was given to another worker.');
    const pushed = await mirror.push(folder);
    if (result !== null) {
      const outcome: Outcome = { kind: 'done', result: JSON.parse(messageOf(result)), attempt: pushed };
      end('done');
      return outcome;
    }
    end(reason() === 'cancelled' ? 'cancelled' : 'given-back');
    return reason() === 'cancelled' ? { kind: 'cancelled', attempt: pushed } : 'leaving';
  } catch (error) {
    if (reason() === 'lost') end('lost');
    else onEvent({ kind: 'failed', job: id, seconds: (performance.now() - start) / 1000, message: reasonOf(error) });
    throw error;
  } finally {
    await rm(join(folder, '..'), { recursive: true, force: true });
  }
}

function contextOf(
  task: QueuedTask,
  {
    folder,
    mirror,
    history,
    store,
    cache,
    signal,
    onEvent,
    look,
  }: WorkOptions & {
    readonly folder: string;
    readonly mirror: FolderMirror;
    readonly history: History;
    readonly signal: AbortSignal;
    look(): Promise<void>;
  },
): JobContext<unknown> {
  const { id } = task;
  return {
    id,
    folder,
    store: {
      place: store.place,
      put: (key, content) => onOurSide(store.put(key, content)),
      get: (key, most) => onOurSide(store.get(key, most)),
      has: (key) => onOurSide(store.has(key)),
      list: (prefix) => store.list(prefix),
      remove: (key) => onOurSide(store.remove(key)),
    },
    signal,
    report(report) {
      onEvent({ kind: 'report', job: id, report });
      history.add({ event: 'report', report: JSON.parse(messageOf(report)) });
    },
    async saved() {
      // In this order: what the copy goes on from was told.
      await history.settled();
      await onOurSide(mirror.push(folder));
      // Short runs would be over before it is looked again. Where the queue is away there is nothing to see.
      await look().catch(() => {});
    },
    data: (reference, files) => dataOf(reference, files, { store, cache, signal }),
  };
}

async function dataOf(
  { path, sha256 }: DataReference,
  files: readonly string[] | undefined,
  { store, cache, signal }: { readonly store: ObjectStore; readonly cache: string; readonly signal: AbortSignal },
): Promise<string> {
  // Whoever writes to the queue must not choose what is read on this machine.
  if (sha256 === null) {
    throw new JobFailure(`${printableName(path)} was not sent to the store, so a worker does not have it.`);
  }
  return onOurSide(fetchData(store, sha256, cache, files, { signal }));
}

/** An error of the store or of this machine is not the job's: it is tried again, perhaps by another worker. */
function onOurSide<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof UserError ? new Error(error.message, { cause: error }) : error;
  });
}

interface History {
  add(line: HistoryLine): void;
  /** All lines are in the queue. */
  settled(): Promise<void>;
}

/**
 * Writes a job's history, one line after the other, and tells the executor that there is more of it. A line that does
 * not reach the queue is written again: twice is better than not at all.
 */
function historyOf(job: QueuedJob, isLost: () => boolean): History {
  let last = Promise.resolve();
  const write = async (line: HistoryLine) => {
    for (;;) {
      if (isLost()) return;
      try {
        const lines = await job.log(JSON.stringify(line));
        await job.updateProgress({ lines });
        return;
      } catch {
        // The queue itself says what is wrong with it, and a queue that does not come back takes the job away.
        await delay(writeInterval);
      }
    }
  };
  return {
    add(line) {
      last = last.then(() => write(line));
    },
    settled: () => last,
  };
}

/** The number in the name of an attempt. */
function attemptNumber(attempt: string | null): number {
  return Number(/^\d{1,9}(?=-)/.exec(attempt ?? '')?.[0] ?? 0);
}

/** A folder of this process alone. Those of processes that have ended are removed. */
async function workFolder(cache: string): Promise<{ readonly path: string; release(): Promise<void> }> {
  const all = await privateFolder(cache, 'jobs');
  for (const name of await readdir(all)) await removeAbandoned(join(all, name));
  const path = await privateFolder(all, randomUUID());
  const lock = await lockRun(path);
  return {
    path,
    async release() {
      await lock.release();
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** How long (milliseconds) a folder may be without a lock because it is being made. */
const making = 60_000;

async function removeAbandoned(folder: string): Promise<void> {
  const status = await stat(folder).catch(() => null);
  if (status === null || Date.now() - status.mtimeMs < making) return;
  const lock = await lockRun(folder).catch(() => null);
  if (lock === null) return;
  await lock.release();
  await rm(folder, { recursive: true, force: true });
}
