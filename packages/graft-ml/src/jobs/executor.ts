import type { Job } from './job.ts';

/** What happens to a job, told to whoever submitted it. */
export type JobEvent =
  /** A process has taken it up; `attempt` counts from 1, so more than 1 says that it is gone on with. */
  | { readonly kind: 'started'; readonly id: string; readonly attempt: number; readonly worker: string }
  | { readonly kind: 'report'; readonly id: string; readonly report: unknown }
  | { readonly kind: 'done'; readonly id: string; readonly result: unknown }
  /** Cancelled, with what was reached so far left in its folder. It can be resumed. */
  | { readonly kind: 'cancelled'; readonly id: string }
  /** It ended with an error, which would come again. */
  | { readonly kind: 'failed'; readonly id: string; readonly message: string };

/**
 * Does jobs: in child processes of this machine (`localExecutor`), or by workers anywhere that take them from a queue
 * (`queueExecutor`). An executor is opened by one submitter at a time, which may be killed and opened again: jobs are
 * kept, and those whose process was killed go on from what they saved last.
 */
export interface Executor extends AsyncDisposable {
  /** How many jobs are done at once, as far as is known now; at least 1. */
  concurrency(): Promise<number>;
  /**
   * Adds a job. One that was submitted before, in an earlier process too, is not done again: it goes on, or its end is
   * told once more.
   *
   * @throws UserError where another task was submitted under its id
   */
  submit(job: Job): Promise<void>;
  /** What happens to the jobs that were submitted here, those of one job in their order. Ends when it is closed. */
  events(): AsyncIterable<JobEvent>;
  /** Asks a job to stop. It is told as cancelled when it has, or as done where that came first. */
  cancel(id: string): Promise<void>;
  /** Lets a job that was cancelled or has failed go on from what it saved last. */
  resume(id: string): Promise<void>;
  /** The path of a job's folder on this machine, brought here from where it was done. */
  folder(id: string): Promise<string>;
  /** Stops listening; jobs that are done in processes of this executor's own stop at the next safe point. */
  close(): Promise<void>;
}
