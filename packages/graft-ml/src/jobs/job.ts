import type { z } from 'zod';
import type { ObjectStore } from './object-store.ts';

/**
 * A piece of work that any process with the same code, the same data and the same store can do, now or later: a run to
 * train, a shard of features to compute. Doing it twice changes nothing.
 */
export interface Job<Task = unknown> {
  /**
   * Its name, which is unique among the jobs of an executor, and that of its folder: letters, digits, dots, dashes and
   * underscores.
   */
  readonly id: string;
  /** The handler that does it. */
  readonly kind: string;
  /** What is to be done, as JSON. */
  readonly task: Task;
}

/** A dataset or a file that a job needs, by content, so that it is the same on every machine. */
export interface DataReference {
  /** Its path where the job was submitted. A worker on another machine never looks there. */
  readonly path: string;
  /** The SHA-256 of its manifest in the store; null where every worker sees the path. */
  readonly sha256: string | null;
}

/** What a handler is given besides its task. */
export interface JobContext<Report> {
  readonly id: string;
  /**
   * The folder of the job's own files, such as a run. Where the job was begun before, here or elsewhere, it holds what
   * was saved last.
   */
  readonly folder: string;
  /** Small and large results, by name, that other jobs and the submitter read. */
  readonly store: ObjectStore;
  /** Asks the job to stop at the next safe point and to leave its folder so that it can go on. */
  readonly signal: AbortSignal;
  /** Tells the submitter of progress. Reports arrive in their order; one that was told before a crash may come again. */
  report(report: Report): void;
  /** The folder is consistent: whoever takes the job over after this process is killed goes on from here. */
  saved(): Promise<void>;
  /**
   * The local path of a dataset or file, brought here and checked if it is not here yet.
   *
   * @param files the files of a dataset that are needed, by their paths in it, with '/' between their parts: the others
   *   may be missing then, so that a part of a large dataset does not take its whole. Default: all
   * @throws UserError
   */
  data(reference: DataReference, files?: readonly string[]): Promise<string>;
}

/** Whoever does the jobs of a kind. Tasks, reports and results cross between machines as JSON and are checked there. */
export interface JobHandler<Task = unknown, Report = unknown, Result = unknown> {
  readonly task: z.ZodType<Task>;
  readonly report: z.ZodType<Report>;
  readonly result: z.ZodType<Result>;
  /**
   * Does the job, or goes on with it. Ends with null where the signal came first, and with the same result as before
   * where the job is done already.
   */
  run(task: Task, context: JobContext<Report>): Promise<Result | null>;
}
