import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { makeFolders, wrapWriteErrors } from '../files/write.ts';
import { assertNotLocked } from '../runs/run-lock.ts';
import { eventStream } from './event-stream.ts';
import type { Executor, JobEvent } from './executor.ts';
import { folderStore } from './folder-store.ts';
import type { Job, JobContext } from './job.ts';
import { jobProcesses } from './job-process.ts';
import { plainName } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import { isSameJob } from './queue-messages.ts';

export interface LocalExecutorOptions {
  /** The folder for the folders of the jobs. */
  readonly root: string;
  /** How many jobs are done at once. Default: as many as there are cores, and memory for. */
  readonly jobs?: number | undefined;
  /** The store that jobs share. Default: a folder `objects` in `root`. */
  readonly store?: ObjectStore | undefined;
}

/** Memory that a job is taken to need, in bytes: training a ResNet-18 with a batch of 32 has 1.3 GB. */
const bytesOfJob = 1.5 * 2 ** 30;

/** How often a job is begun whose process breaks down: an error that its handler tells ends it at once. */
const mostAttempts = 3;

/** A job that was submitted here. */
interface LocalJob {
  readonly job: Job;
  state: 'waiting' | 'active' | 'ended';
  attempt: number;
  controller: AbortController;
  /** Settles when it is no longer active. */
  work: Promise<void>;
}

/**
 * Does jobs in child processes of this machine, in the order in which they were submitted. The folders of the jobs are
 * all that is kept: one that is submitted again after this process was killed goes on from its folder.
 *
 * @example await using executor = localExecutor({ root: 'runs/study' });
 */
export function localExecutor({ root, jobs: most, store }: LocalExecutorOptions): Executor {
  const jobs = new Map<string, LocalJob>();
  const events = eventStream<JobEvent>();
  const processes = jobProcesses();
  const shared = store ?? folderStore(join(root, 'objects'));
  const places =
    most ?? Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / bytesOfJob)));
  let isClosed = false;

  const find = (id: string): LocalJob => {
    const found = jobs.get(id);
    if (found) return found;
    throw new UserError(`No job ${printableName(id)} was submitted.`);
  };

  const pump = (): void => {
    const all = [...jobs.values()];
    const free = places - all.filter(({ state }) => state === 'active').length;
    if (isClosed || free <= 0) return;
    for (const each of all.filter(({ state }) => state === 'waiting').slice(0, free)) {
      each.state = 'active';
      each.work = work(each).finally(pump);
    }
  };

  const work = async (each: LocalJob): Promise<void> => {
    const { job, controller } = each;
    const { id } = job;
    const folder = join(root, id);
    const context: JobContext<unknown> = {
      ...{ id, folder, store: shared, signal: controller.signal },
      report: (report) => events.push({ kind: 'report', id, report }),
      saved: async () => {},
      data: async ({ path }) => path,
    };
    try {
      for (;;) {
        each.attempt++;
        events.push({ kind: 'started', id, attempt: each.attempt, worker: `process ${process.pid}` });
        try {
          await wrapWriteErrors(folder, () => makeFolders(folder));
          await untilReleased(folder);
          const result = await processes.run(job, context);
          events.push(result === null ? { kind: 'cancelled', id } : { kind: 'done', id, result });
          return;
        } catch (error) {
          if (controller.signal.aborted) return void events.push({ kind: 'cancelled', id });
          if (error instanceof UserError || each.attempt >= mostAttempts) throw error;
        }
      }
    } catch (error) {
      events.push({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) });
    } finally {
      each.state = 'ended';
    }
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    for (const { controller } of jobs.values()) controller.abort();
    await Promise.all([...jobs.values()].map(({ work }) => work));
    processes.close();
    events.end();
  };

  return {
    concurrency: async () => places,
    async submit(job) {
      if (!plainName.test(job.id)) throw new UserError(`${printableName(job.id)} cannot be the id of a job.`);
      const known = jobs.get(job.id);
      if (known && !isSameJob(known.job, job)) throw new UserError(`Another job was submitted as ${job.id}.`);
      if (known) return;
      const controller = new AbortController();
      jobs.set(job.id, { job, state: 'waiting', attempt: 0, controller, work: Promise.resolve() });
      pump();
    },
    events: () => events.read(),
    async cancel(id) {
      const each = find(id);
      if (each.state === 'active') each.controller.abort();
      if (each.state !== 'waiting') return;
      each.state = 'ended';
      events.push({ kind: 'cancelled', id });
    },
    async resume(id) {
      const each = find(id);
      if (each.state !== 'ended') return;
      Object.assign(each, { state: 'waiting', attempt: 0, controller: new AbortController() });
      pump();
    },
    async folder(id) {
      if (!plainName.test(id)) throw new UserError(`${printableName(id)} cannot be the id of a job.`);
      return join(root, id);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** How long the process of an executor that was killed may take to its next safe point, in milliseconds. */
const releaseTime = 60_000;

/** Waits until no process has the run in a folder. @throws UserError that says which one has it */
async function untilReleased(folder: string): Promise<void> {
  for (const end = performance.now() + releaseTime; ; await delay(250)) {
    try {
      await assertNotLocked(folder);
      return;
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
  }
}
