import { UserError } from '@graft-ml/core/internal/base/errors';
import { problemsOf } from '@graft-ml/core/internal/base/schema-problems';
import { z } from 'zod';
import { openDatabase } from '../files/database.ts';
import { type ProcessNote, processSchema } from '../files/process-note.ts';
import { parseJson } from '../files/read.ts';
import type { JobEvent } from './executor.ts';
import type { Job } from './job.ts';
import { isSameJob } from './queue-messages.ts';

const tables = `
  CREATE TABLE IF NOT EXISTS graft_jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    is_cancelled INTEGER NOT NULL DEFAULT 0,
    keeper TEXT,
    keeper_process TEXT,
    job_process TEXT,
    seen_alive INTEGER
  );
  CREATE TABLE IF NOT EXISTS graft_job_events (
    job TEXT NOT NULL,
    number INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (job, number)
  );`;

/** A job that is done, was cancelled or has failed is in the state that its last event names. */
const stateSchema = z.enum(['waiting', 'active', 'done', 'cancelled', 'failed']);

const json = <T>(schema: z.ZodType<T>) => z.preprocess((text) => parseJson(String(text)), schema);

const openJobSchema = z.object({
  id: z.string(),
  state: stateSchema,
  attempt: z.int(),
  keeper: z.string().nullable(),
  keeper_process: json(processSchema.nullable()),
  job_process: json(processSchema.nullable()),
  seen_alive: z.int().nullable(),
});

/** A job that has not ended. */
export type OpenJob = z.output<typeof openJobSchema>;

const ofJob = { id: z.string() };
const eventSchema: z.ZodType<JobEvent> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started'), ...ofJob, attempt: z.int(), worker: z.string() }),
  z.object({ kind: z.literal('report'), ...ofJob, report: z.unknown() }),
  z.object({ kind: z.literal('done'), ...ofJob, result: z.unknown() }),
  z.object({ kind: z.literal('cancelled'), ...ofJob }),
  z.object({ kind: z.literal('failed'), ...ofJob, message: z.string() }),
]);

/** A process that keeps jobs, by a name of its own. */
export interface Keeper {
  readonly name: string;
  readonly process: ProcessNote;
}

/**
 * The jobs of an executor, with all that has happened to them, in tables of an SQLite file that several processes may
 * use at once. A job at work is its keeper's, who says now and then that it is alive; nobody else writes to it.
 */
export interface JobTable {
  /** Adds a job that is new. @throws UserError where another one has its id */
  add(job: Job): void;
  find(id: string): Job | null;
  /** The jobs that have not ended, in the order in which they were added. */
  open(): OpenJob[];
  /** Makes a job this keeper's, if it is as it was found; with it, the job has begun. Null where it is not. */
  claim(found: OpenJob, keeper: Keeper): number | null;
  /** Notes the process that does a job. */
  noteProcess(id: string, keeper: Keeper, process: ProcessNote): void;
  /** Adds an event to a job, which may be its last. False where the job is no longer this keeper's. */
  tell(keeper: Keeper, event: JobEvent): boolean;
  /** Gives a job back, for whoever is asked to do it next. */
  release(id: string, keeper: Keeper): void;
  /** Notes that the process of a job has broken down. Returns how often one has. */
  countCrash(id: string, keeper: Keeper): number;
  /** Says that a keeper is alive. */
  beat(keeper: Keeper): void;
  /** The jobs of a keeper: whether each is to be cancelled. */
  kept(keeper: Keeper): ReadonlyMap<string, boolean>;
  /** Has a job cancelled by its keeper; at once where it has none. */
  cancel(id: string): void;
  resume(id: string): void;
  /** The events of a job from a number on. */
  events(id: string, from: number): JobEvent[];
  close(): void;
}

/** @throws UserError where the file is not to be used, or not what it should be */
export async function openJobTable(file: string): Promise<JobTable> {
  const database = await openDatabase(file);
  database.exec(tables);
  const all = <T>(schema: z.ZodType<T>, sql: string, ...values: (string | number | null)[]): T[] =>
    database
      .prepare(sql)
      .all(...values)
      .map((row) => {
        const parsed = schema.safeParse(row);
        if (parsed.success) return parsed.data;
        throw new UserError(`${file} is damaged: its jobs are not of this version: ${problemsOf(parsed.error)}.`);
      });
  const run = (sql: string, ...values: (string | number | null)[]): number =>
    database.prepare(sql).run(...values).changes;
  const together = <T>(work: () => T): T => database.transaction(work).immediate();
  const append = (event: JobEvent) =>
    run(
      `INSERT INTO graft_job_events (job, number, event)
       SELECT ?, COUNT(*), ? FROM graft_job_events WHERE job = ?`,
      event.id,
      JSON.stringify(event),
      event.id,
    );
  const find = (id: string): Job | null => {
    const schema = z.object({ id: z.string(), kind: z.string(), task: json(z.unknown()) });
    return all(schema, 'SELECT id, kind, task FROM graft_jobs WHERE id = ?', id)[0] ?? null;
  };

  return {
    find,
    add: (job) =>
      together(() => {
        const known = find(job.id);
        if (known && !isSameJob(known, job)) throw new UserError(`Another job was submitted as ${job.id}.`);
        if (known) return;
        run(
          `INSERT INTO graft_jobs (id, kind, task, state) VALUES (?, ?, ?, 'waiting')`,
          job.id,
          job.kind,
          JSON.stringify(job.task),
        );
      }),
    open: () =>
      all(
        openJobSchema,
        `SELECT id, state, attempt, keeper, keeper_process, job_process, seen_alive FROM graft_jobs
         WHERE state IN ('waiting', 'active') ORDER BY rowid`,
      ),
    claim: (found, keeper) =>
      together(() => {
        const attempt = found.attempt + 1;
        const isOurs = run(
          `UPDATE graft_jobs SET state = 'active', attempt = ?, keeper = ?, keeper_process = ?, job_process = NULL,
           seen_alive = ? WHERE id = ? AND state = ? AND attempt = ? AND seen_alive IS ?`,
          ...[attempt, keeper.name, JSON.stringify(keeper.process), Date.now()],
          ...[found.id, found.state, found.attempt, found.seen_alive],
        );
        if (isOurs === 0) return null;
        const { host, pid } = keeper.process;
        append({ kind: 'started', id: found.id, attempt, worker: `${host}, process ${pid}` });
        return attempt;
      }),
    noteProcess: (id, { name }, process) =>
      void run(`UPDATE graft_jobs SET job_process = ? WHERE id = ? AND keeper = ?`, JSON.stringify(process), id, name),
    tell: ({ name }, event) =>
      together(() => {
        const { id, kind } = event;
        const isLast = kind === 'done' || kind === 'cancelled' || kind === 'failed';
        const changed = run(
          isLast
            ? `UPDATE graft_jobs SET state = '${kind}', keeper = NULL WHERE id = ? AND keeper = ?`
            : 'UPDATE graft_jobs SET keeper = keeper WHERE id = ? AND keeper = ?',
          id,
          name,
        );
        if (changed > 0) append(event);
        return changed > 0;
      }),
    release: (id, { name }) =>
      void run(
        `UPDATE graft_jobs SET state = 'waiting', keeper = NULL, seen_alive = NULL WHERE id = ? AND keeper = ?`,
        ...[id, name],
      ),
    countCrash: (id, { name }) =>
      together(() => {
        run('UPDATE graft_jobs SET crashes = crashes + 1 WHERE id = ? AND keeper = ?', id, name);
        const schema = z.object({ crashes: z.int() });
        return all(schema, 'SELECT crashes FROM graft_jobs WHERE id = ?', id)[0]?.crashes ?? 0;
      }),
    beat: ({ name }) => void run(`UPDATE graft_jobs SET seen_alive = ? WHERE keeper = ?`, Date.now(), name),
    kept: ({ name }) => {
      const schema = z.object({ id: z.string(), is_cancelled: z.int() });
      const rows = all(schema, 'SELECT id, is_cancelled FROM graft_jobs WHERE keeper = ?', name);
      return new Map(rows.map(({ id, is_cancelled }) => [id, is_cancelled === 1]));
    },
    cancel: (id) =>
      together(() => {
        if (run(`UPDATE graft_jobs SET state = 'cancelled' WHERE id = ? AND state = 'waiting'`, id) > 0)
          append({ kind: 'cancelled', id });
        else run(`UPDATE graft_jobs SET is_cancelled = 1 WHERE id = ? AND state = 'active'`, id);
      }),
    resume: (id) =>
      void run(
        `UPDATE graft_jobs SET state = 'waiting', is_cancelled = 0, crashes = 0, seen_alive = NULL
         WHERE id = ? AND state IN ('cancelled', 'failed')`,
        id,
      ),
    events: (id, from) => {
      const schema = z.object({ event: json(eventSchema) });
      const sql = 'SELECT event FROM graft_job_events WHERE job = ? AND number >= ? ORDER BY number';
      return all(schema, sql, id, from).map(({ event }) => event);
    },
    close: () => void database.close(),
  };
}
