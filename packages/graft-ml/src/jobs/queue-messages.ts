import { z } from 'zod';
import type { Job } from './job.ts';
import { plainName } from './object-key.ts';

/*
 * What executor and workers tell each other. Whoever can write to the queue may have written it, so each side checks
 * what it reads.
 */

/** The longest task, report or result, in characters of JSON. */
export const longestMessage = 2 ** 20;

const nameSchema = z.string().regex(plainName);

/** A job as it lies in the queue. */
export const queuedJobSchema = z.object({
  graft: z.literal('job-1'),
  /** The executor's name, which keeps the jobs of studies apart. */
  name: nameSchema,
  id: nameSchema,
  kind: z.string().max(100),
  task: z.json(),
  /** Asks whoever does it to stop. */
  isCancelled: z.boolean(),
});

export type QueuedTask = z.output<typeof queuedJobSchema>;

/** A line of a job's log, which is its history. */
export const historySchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('started'), attempt: z.int().min(1), worker: z.string().max(300) }),
  z.object({ event: z.literal('report'), report: z.json() }),
]);

export type HistoryLine = z.output<typeof historySchema>;

/** The end of a job that did not fail, with the attempt that pushed its folder last; null where nothing was in it. */
export const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), result: z.json(), attempt: nameSchema.nullable() }),
  z.object({ kind: z.literal('cancelled'), attempt: nameSchema.nullable() }),
]);

export type Outcome = z.output<typeof outcomeSchema>;

/** The key of a job in the queue. Neither part has a tilde in it. */
export function queueKey(name: string, id: string): string {
  return `${name}~${id}`;
}

/** The prefix of a job's folders in the store. */
export function folderPrefix({ name, id }: { readonly name: string; readonly id: string }): string {
  return `jobs/${name}/${id}`;
}

/** @throws UserError where it is too long to be sent */
export function messageOf(value: unknown): string {
  const text = JSON.stringify(value);
  if (text.length > longestMessage) {
    throw new RangeError(`${text.length} characters of JSON are too long for the queue: put them into the store.`);
  }
  return text;
}

/** Whether two jobs are the same, whatever the order of their keys. */
export function isSameJob(a: Pick<Job, 'kind' | 'task'>, b: Pick<Job, 'kind' | 'task'>): boolean {
  return ordered([a.kind, a.task]) === ordered([b.kind, b.task]);
}

function ordered(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
