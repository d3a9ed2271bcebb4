import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { availableCores, residentBytes } from '../files/own-process.ts';
import { describeProcess, endProcess, isRunning } from '../files/process-note.ts';
import { makeFolders, wrapWriteErrors } from '../files/write.ts';
import { eventStream } from './event-stream.ts';
import type { Executor, JobEvent } from './executor.ts';
import { folderStore } from './folder-store.ts';
import type { Job, JobContext } from './job.ts';
import { jobProcesses } from './job-process.ts';
import { type JobTable, type Keeper, type OpenJob, openJobTable } from './job-table.ts';
import { plainName } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';

export interface LocalExecutorOptions {
  /** The folder for the folders of the jobs. */
  readonly root: string;
  /** The SQLite file of the jobs, in which other tables may stand too. Default: `jobs.db` in `root`. */
  readonly file?: string | undefined;
  /** How many jobs are done at once. Default: as many as there are cores, and memory for. */
  readonly jobs?: number | undefined;
  /** The store that jobs share. Default: a folder `objects` in `root`. */
  readonly store?: ObjectStore | undefined;
}

/** Memory that a job is taken to need before one was seen, in bytes: a ResNet-18 with a batch of 32 has 1.3 GB. */
const bytesOfJob = 1.5 * 2 ** 30;

/** How often the process of a job may break down: an error that its handler tells ends it at once. */
const mostCrashes = 3;

/** Milliseconds from one look at the table, and at the memory of the processes, to the next. */
const lookInterval = 250;
/** Milliseconds from one sign of life to the next. */
const beatInterval = 5000;
/** A keeper that cannot be seen from here, and gave no sign of life for so long (milliseconds), has ended. */
const lease = 30_000;

/** A job that this process keeps. */
interface KeptJob {
  readonly controller: AbortController;
  why: 'closed' | 'cancelled' | 'lost' | null;
  process: number | undefined;
  done: Promise<void>;
}

/**
 * Does jobs in child processes of this machine, in the order in which they were submitted. The jobs stand in an SQLite
 * file with all that has happened to them: several processes may submit the same ones, and each is done once. Those of a
 * process that was killed are taken up by the next one that is asked to do them, and go on from what they saved last.
 *
 * @example await using executor = localExecutor({ root: 'runs/study' });
 */
export function localExecutor(options: LocalExecutorOptions): Executor {
  return new LocalExecutor(options);
}

class LocalExecutor implements Executor {
  readonly #root: string;
  readonly #file: string;
  readonly #most: number | undefined;
  readonly #store: ObjectStore;
  readonly #processes = jobProcesses();
  readonly #events = eventStream<JobEvent>();
  /** The jobs that were submitted here: how many of their events were told, and whether the last of them was. */
  readonly #watched = new Map<string, { told: number; isEnded: boolean }>();
  readonly #kept = new Map<string, KeptJob>();
  #opening: Promise<{ readonly table: JobTable; readonly keeper: Keeper }> | null = null;
  /** The most memory that a job has had, in bytes: one of those under way, and one that ended well. */
  readonly #seen = { now: 0, ended: 0 };
  #timer: NodeJS.Timeout | undefined;
  #beatAt = 0;
  #looking: Promise<void> = Promise.resolve();
  #error: unknown = null;
  #isClosed = false;

  constructor({ root, file, jobs, store }: LocalExecutorOptions) {
    this.#root = resolve(root);
    this.#file = resolve(file ?? join(root, 'jobs.db'));
    this.#most = jobs;
    this.#store = store ?? folderStore(join(root, 'objects'));
  }

  async concurrency(): Promise<number> {
    const inUse = [...this.#kept.values()].reduce((sum, { process }) => sum + residentBytes(process), 0);
    const { now, ended } = this.#seen;
    const room = Math.floor((process.availableMemory() + inUse) / Math.max(now, ended || bytesOfJob));
    return this.#most ?? Math.max(1, Math.min(availableCores(), room));
  }

  async submit(job: Job): Promise<void> {
    if (!plainName.test(job.id)) throw new UserError(`${printableName(job.id)} cannot be the id of a job.`);
    const { table } = await this.#open();
    table.add(job);
    if (!this.#watched.has(job.id)) this.#watched.set(job.id, { told: 0, isEnded: false });
    this.#look();
  }

  async *events(): AsyncGenerator<JobEvent, void, undefined> {
    yield* this.#events.read();
    if (this.#error !== null) throw this.#error;
  }

  async cancel(id: string): Promise<void> {
    (await this.#open()).table.cancel(this.#assertWatched(id));
    this.#look();
  }

  async resume(id: string): Promise<void> {
    (await this.#open()).table.resume(this.#assertWatched(id));
    this.#watched.get(id)!.isEnded = false;
    this.#look();
  }

  async folder(id: string): Promise<string> {
    if (!plainName.test(id)) throw new UserError(`${printableName(id)} cannot be the id of a job.`);
    return join(this.#root, id);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const kept of this.#kept.values()) stop(kept, 'closed');
    await this.#looking;
    await Promise.all([...this.#kept.values()].map(({ done }) => done));
    this.#processes.close();
    const opened = await this.#opening?.catch(() => null);
    opened?.table.close();
    this.#events.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertWatched(id: string): string {
    if (this.#watched.has(id)) return id;
    throw new UserError(`No job ${printableName(id)} was submitted.`);
  }

  #open() {
    this.#opening ??= (async () => {
      await wrapWriteErrors(this.#root, () => makeFolders(this.#root));
      const table = await openJobTable(this.#file);
      return { table, keeper: { name: randomUUID(), process: await describeProcess(process.pid) } };
    })();
    return this.#opening;
  }

  /** Looks at the table as soon as an earlier look is over, and then every now and then until all jobs have ended. */
  #look(): void {
    clearTimeout(this.#timer);
    this.#looking = this.#looking.then(() => this.#lookOnce()).catch((error: unknown) => this.#fail(error));
    void this.#looking.then(() => {
      const isWaiting = [...this.#watched.values()].some(({ isEnded }) => !isEnded);
      clearTimeout(this.#timer);
      if (isWaiting && !this.#isClosed && this.#error === null)
        this.#timer = setTimeout(() => this.#look(), lookInterval);
    });
  }

  /** The table cannot be used: whoever reads the events hears of it. */
  #fail(error: unknown): void {
    this.#error ??= error;
    this.#events.end();
  }

  async #lookOnce(): Promise<void> {
    if (this.#isClosed) return;
    const { table, keeper } = await this.#open();
    const ours = table.kept(keeper);
    for (const [id, kept] of this.#kept) {
      if (!ours.has(id)) stop(kept, 'lost');
      else if (ours.get(id)) stop(kept, 'cancelled');
      this.#seen.now = Math.max(this.#seen.now, residentBytes(kept.process));
    }
    if (ours.size > 0 && performance.now() - this.#beatAt > beatInterval) {
      table.beat(keeper);
      this.#beatAt = performance.now();
    }
    this.#tellNews(table);
    for (const job of table.open()) {
      if (this.#isClosed || this.#kept.size >= (await this.concurrency())) break;
      const watched = this.#watched.get(job.id);
      if (!watched || watched.isEnded || this.#kept.has(job.id) || !(await isFree(job))) continue;
      if (this.#isClosed || table.claim(job, keeper) === null) continue;
      const kept: KeptJob = {
        controller: new AbortController(),
        why: null,
        process: undefined,
        done: Promise.resolve(),
      };
      this.#kept.set(job.id, kept);
      kept.done = this.#work(job, kept)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#kept.delete(job.id);
          if (!this.#isClosed) this.#look();
        });
    }
    this.#tellNews(table);
  }

  /** Tells what has happened to the jobs that were submitted here, whoever does them. */
  #tellNews(table: JobTable): void {
    for (const [id, watched] of this.#watched) {
      if (watched.isEnded) continue;
      const events = table.events(id, watched.told);
      watched.told += events.length;
      for (const [i, event] of events.entries()) {
        const isEnd = event.kind === 'done' || event.kind === 'cancelled' || event.kind === 'failed';
        // An end from which the job went on is none any more.
        if (isEnd && i < events.length - 1) continue;
        watched.isEnded = isEnd;
        this.#events.push(event);
      }
    }
  }

  async #work({ id, job_process: earlier }: OpenJob, kept: KeptJob): Promise<void> {
    const { table, keeper } = await this.#open();
    const folder = join(this.#root, id);
    const { signal } = kept.controller;
    const tell = (event: JobEvent) => {
      if (!table.tell(keeper, event)) stop(kept, 'lost');
      else if (!this.#isClosed) this.#tellNews(table);
    };
    const context: JobContext<unknown> = {
      ...{ id, folder, store: this.#store, signal },
      report: (report) => tell({ kind: 'report', id, report }),
      saved: async () => {},
      data: async ({ path }) => path,
    };
    const onStart = async (pid: number) => {
      kept.process = pid;
      table.noteProcess(id, keeper, await describeProcess(pid));
    };
    try {
      // Where it has not noticed yet that its keeper was killed: two must not write to one folder.
      if (earlier) await endProcess(earlier);
      await wrapWriteErrors(folder, () => makeFolders(folder));
      const result = await this.#processes.run(table.find(id)!, context, onStart);
      if (result === null && kept.why === null) throw new Error('it ended without a result');
      if (result !== null) {
        this.#seen.ended = Math.max(this.#seen.ended, this.#seen.now);
        tell({ kind: 'done', id, result });
      } else if (kept.why === 'cancelled') tell({ kind: 'cancelled', id });
      else table.release(id, keeper);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof UserError) tell({ kind: 'failed', id, message });
      else if (kept.why === 'cancelled') tell({ kind: 'cancelled', id });
      else if (kept.why !== null) table.release(id, keeper);
      else {
        const crashes = table.countCrash(id, keeper);
        if (crashes < mostCrashes) table.release(id, keeper);
        else
          tell({ kind: 'failed', id, message: `Its process broke down ${crashes} times. The last time: ${message}` });
      }
    }
  }
}

function stop(kept: KeptJob, why: 'closed' | 'cancelled' | 'lost'): void {
  // Whose job is not ours any more has nothing to tell.
  if (kept.why === null || why === 'lost') kept.why = why;
  kept.controller.abort();
}

/** Whether a job may be taken up: nobody has it, or whoever had it is gone. */
async function isFree({ state, keeper_process: keeper, seen_alive: seen }: OpenJob): Promise<boolean> {
  if (state === 'waiting') return true;
  const running = keeper && (await isRunning(keeper));
  return running === false || (running === null && Date.now() - (seen ?? 0) > lease);
}
