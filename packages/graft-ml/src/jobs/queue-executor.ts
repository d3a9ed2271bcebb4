import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { parseJson } from '../files/read.ts';
import { eventStream } from './event-stream.ts';
import type { Executor, JobEvent } from './executor.ts';
import type { DataReference, Job } from './job.ts';
import { latestAttempt, pullFolder } from './mirrored-folder.ts';
import { plainName } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import {
  notedOnce,
  type OpenQueue,
  openBullmq,
  openQueue,
  parseQueueAddress,
  queueName,
  queuePrefix,
} from './queue-connection.ts';
import {
  folderPrefix,
  historySchema,
  isSameJob,
  messageOf,
  outcomeSchema,
  type QueuedTask,
  queuedJobSchema,
  queueKey,
} from './queue-messages.ts';
import { shipData } from './shipped-data.ts';
import { adoptRun, MissingFiles, withShippedFiles } from './shipped-files.ts';

export interface QueueExecutorOptions {
  /** `redis://`, `rediss://` or `postgres://`, with user and password where it asks for them. */
  readonly queue: string;
  /** The store that the workers have, too. */
  readonly store: ObjectStore;
  /** The folder of this machine that gets the folders of jobs. */
  readonly root: string;
  /** The name of the study, which keeps its jobs apart from others in the queue. */
  readonly name: string;
  /** Is told of troubles on the way to the queue, which is tried again. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** All jobs are looked at so often (milliseconds), should an event have been lost; else those that events name. */
const sweepInterval = 5000;
/** The least time between two looks at the same jobs, in milliseconds. */
const pause = 20;

/** How often a job is begun at most: an error that its handler tells ends it at once, and this is for all others. */
const attempts = 10;

/** How long (seconds) the end of a job is remembered: two weeks. */
const keptFor = 14 * 24 * 3600;

/** A job that somebody waits for. */
interface Watched {
  /** As it was submitted: it names files of this machine. */
  readonly submitted: Job;
  /** As it lies in the queue: it names what the store has. */
  readonly job: Job;
  /** Lines of its history that were told. */
  told: number;
  isEnded: boolean;
}

/**
 * Has jobs done by workers that take them from a queue in Redis or PostgreSQL, on any number of machines
 * (`runWorker`, `graft worker`).
 *
 * The datasets, weights and models that jobs name are sent to the store. The queue has each job with its history and
 * its end, the store its folder. So an executor that is killed and opened
 * again hears of all that happened meanwhile, and a job that the queue has lost is put into it once more.
 *
 * @throws UserError (by rejection) where the queue cannot be reached, or a package is not installed
 */
export async function queueExecutor(options: QueueExecutorOptions): Promise<Executor> {
  const { store, root, name, onNote = () => {} } = options;
  if (!plainName.test(name)) throw new UserError(`${printableName(name)} cannot be the name of a study in a queue.`);
  const address = parseQueueAddress(options.queue);
  const bullmq = await openBullmq(address);
  const note = notedOnce((text) => onNote(`The queue ${address.place}: ${text}. It is tried again.`));
  const queue = await openQueue(bullmq, address, note);
  const happenings = new bullmq.QueueEvents(queueName, { connection: address, prefix: queuePrefix });
  happenings.on('error', note);

  const watched = new Map<string, Watched>();
  const shipped = new Map<string, Promise<DataReference>>();
  const ship = (path: string): Promise<DataReference> => {
    const sending = shipped.get(path) ?? shipData(store, path);
    shipped.set(path, sending);
    sending.catch(() => shipped.delete(path));
    return sending;
  };
  const events = eventStream<JobEvent>();
  const changed = changedJobs(name);
  for (const kind of ['active', 'progress', 'completed', 'failed', 'stalled', 'removed'] as const) {
    happenings.on(kind, ({ jobId }: { readonly jobId: string }) => changed.add(jobId));
  }

  const look = async (each: Watched): Promise<void> => {
    for (const event of await newsOf(queue, name, each)) events.push(event);
  };
  let isClosed = false;
  const watch = async (): Promise<void> => {
    for (let swept = Number.NEGATIVE_INFINITY; !isClosed; ) {
      const isSweep = performance.now() - swept > sweepInterval;
      if (isSweep) swept = performance.now();
      const named = changed.take();
      for (const each of watched.values()) {
        if (isClosed || each.isEnded || !(isSweep || named.has(each.job.id))) continue;
        await look(each).catch((error: unknown) => {
          changed.add(queueKey(name, each.job.id));
          note(error);
        });
      }
      await Promise.race([changed.next(), delay(sweepInterval, undefined, { ref: false })]);
      await delay(pause, undefined, { ref: false });
    }
  };
  const watching = watch();

  /** Sends a job's files, puts it into the queue, and watches it from its beginning. */
  const begin = async (submitted: Job, put: typeof enqueue): Promise<void> => {
    const { id } = submitted;
    try {
      const job = await withShippedFiles(submitted, ship);
      await put(queue, name, job);
      watched.set(id, { submitted, job, told: 0, isEnded: false });
      changed.add(queueKey(name, id));
    } catch (error) {
      if (!(error instanceof MissingFiles)) throw error;
      watched.set(id, { submitted, job: submitted, told: 0, isEnded: true });
      events.push({ kind: 'failed', id, message: error.message });
    }
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    changed.add(queueKey(name, ''));
    await watching;
    events.end();
    await Promise.all([happenings.close(), queue.close()]);
  };

  return {
    concurrency: () => workersPlaces(queue),
    async submit(submitted) {
      if (!plainName.test(submitted.id))
        throw new UserError(`${printableName(submitted.id)} cannot be the id of a job.`);
      const known = watched.get(submitted.id);
      if (known && !isSameJob(known.submitted, submitted)) throw anotherJob(name, submitted.id);
      if (!known || known.isEnded) await begin(submitted, enqueue);
    },
    events: () => events.read(),
    async cancel(id) {
      const found = await queue.getJob(queueKey(name, id));
      const task = queuedJobSchema.safeParse(found?.data).data;
      if (!found || !task || found.finishedOn !== undefined) return;
      await found.updateData({ ...task, isCancelled: true } satisfies QueuedTask);
      changed.add(queueKey(name, id));
    },
    async resume(id) {
      const each = watched.get(id);
      if (!each) throw new UserError(`No job ${printableName(id)} was submitted.`);
      await begin(each.submitted, renew);
    },
    async folder(id) {
      const found = await queue.getJob(queueKey(name, id));
      const outcome = outcomeSchema.safeParse(found?.returnvalue).data;
      const prefix = folderPrefix({ name, id });
      const attempt = outcome?.attempt ?? (await latestAttempt(store, prefix));
      if (attempt === null) throw new UserError(`The job ${printableName(id)} has left nothing in ${store.place} yet.`);
      const folder = join(root, id);
      await pullFolder(store, prefix, attempt, folder);
      await adoptRun(folder, watched.get(id)?.submitted.task ?? queuedJobSchema.safeParse(found?.data).data?.task);
      return folder;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Adds a job, unless it is there. @throws UserError where another one is there under its id */
async function enqueue(queue: OpenQueue, name: string, job: Job): Promise<void> {
  const key = queueKey(name, job.id);
  const task: QueuedTask = queuedJobSchema.parse({ graft: 'job-1', name, ...job, isCancelled: false });
  messageOf(task);
  await queue.add(job.kind, task, {
    jobId: key,
    attempts,
    backoff: { type: 'exponential', delay: 1000 },
    stackTraceLimit: 1,
    // The parts of one training run may be thousands of jobs. One whose end was forgotten is done again, with the same.
    removeOnComplete: { age: keptFor, count: 100_000 },
  });
  const there = queuedJobSchema.safeParse((await queue.getJob(key))?.data).data;
  if (there && !isSameJob(there, job)) throw anotherJob(name, job.id);
}

function anotherJob(name: string, id: string): UserError {
  return new UserError(
    `The queue has another job ${printableName(id)} of ${printableName(name)}. Choose another name.`,
  );
}

/** Puts a job into the queue anew, once nobody does it any more. */
async function renew(queue: OpenQueue, name: string, job: Job): Promise<void> {
  for (;;) {
    const found = await queue.getJob(queueKey(name, job.id));
    if (!found) return enqueue(queue, name, job);
    const isActive = (await found.getState()) === 'active';
    if (isActive && queuedJobSchema.safeParse(found.data).data?.isCancelled !== true) return;
    // A job that was taken up meanwhile is locked, and stays.
    if (!isActive) await found.remove().catch(() => {});
    await delay(10 * pause);
  }
}

/** What has happened to a job since it was looked at last. */
async function newsOf(queue: OpenQueue, name: string, watched: Watched): Promise<JobEvent[]> {
  const { id } = watched.job;
  const key = queueKey(name, id);
  // In this order: an end that is seen comes after all of the history that is read then.
  const state = await queue.getJobState(key);
  const found = await queue.getJob(key);
  if (!found) {
    await enqueue(queue, name, watched.job);
    watched.told = 0;
    return [];
  }
  const { logs, count } = await queue.getJobLogs(key, watched.told);
  // A queue that was restored from a copy may have lost the last lines.
  watched.told = count < watched.told ? count : watched.told + logs.length;
  const events = logs.flatMap((line) => historyEvent(id, line));
  const end = endOf(id, state, found);
  if (end) watched.isEnded = true;
  return end ? [...events, end] : events;
}

function historyEvent(id: string, line: string): JobEvent[] {
  const parsed = historySchema.safeParse(parseJson(line)).data;
  if (!parsed) return [];
  return parsed.event === 'started'
    ? [{ kind: 'started', id, attempt: parsed.attempt, worker: parsed.worker }]
    : [{ kind: 'report', id, report: parsed.report }];
}

function endOf(
  id: string,
  state: string,
  { data, returnvalue, failedReason }: { data: unknown; returnvalue: unknown; failedReason: string },
): JobEvent | null {
  if (state === 'failed') return { kind: 'failed', id, message: failedReason };
  if (state === 'completed') {
    const outcome = outcomeSchema.safeParse(returnvalue).data;
    if (!outcome) return { kind: 'failed', id, message: 'A worker of another version of Graft has done it.' };
    return outcome.kind === 'done' ? { kind: 'done', id, result: outcome.result } : { kind: 'cancelled', id };
  }
  // Whoever takes it up sees the same, and leaves it.
  const isWaiting = state === 'waiting' || state === 'delayed' || state === 'prioritized';
  return isWaiting && queuedJobSchema.safeParse(data).data?.isCancelled === true ? { kind: 'cancelled', id } : null;
}

/** How many jobs the workers do at once, which their names say; at least 1. */
async function workersPlaces(queue: OpenQueue): Promise<number> {
  const workers = await queue.getWorkers();
  const places = workers.map(({ rawname }) => Number(/\*(\d+)$/.exec(rawname ?? '')?.[1] ?? 1));
  return Math.max(
    1,
    places.reduce((sum, each) => sum + each, 0),
  );
}

/** The jobs of a study that events have named since they were taken last. */
function changedJobs(name: string) {
  let ids = new Set<string>();
  let wake = () => {};
  const prefix = queueKey(name, '');
  return {
    add(key: string): void {
      if (!key.startsWith(prefix)) return;
      ids.add(key.slice(prefix.length));
      wake();
    },
    take(): ReadonlySet<string> {
      const taken = ids;
      ids = new Set();
      return taken;
    },
    /** Settles when there is one. */
    next(): Promise<void> {
      return ids.size > 0 ? Promise.resolve() : new Promise((resolve) => (wake = resolve));
    },
  };
}
