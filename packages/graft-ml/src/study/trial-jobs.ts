import { z } from 'zod';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import type { DataReference, Job } from '../jobs/job.ts';
import { downloadTask, namedFiles } from '../jobs/train-job.ts';
import type { RunNumbers, RunReport } from './study.ts';
import type { TrialConfig } from './trial-config.ts';

/** A validation that a job has reported. JSON has no NaN: a loss that is none comes as null. */
const numberOrNan = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const reportSchema = z.object({
  kind: z.literal('evaluation'),
  epoch: z.int(),
  accuracy: numberOrNan,
  loss: numberOrNan,
  seconds: z.number(),
});

const resultSchema = z.object({
  best: z.object({ accuracy: numberOrNan, loss: numberOrNan, epoch: z.int() }),
  parameters: z.object({ trained: z.int() }),
});

/** Sends a dataset or a file to where the jobs are done. */
export type Ship = (path: string) => Promise<DataReference>;

/** The same where every process that trains sees the paths of this one. */
export const shipNothing: Ship = async (path) => ({ path, sha256: null });

/** Sends each path once. */
export function shipOnce(ship: Ship): Ship {
  const sent = new Map<string, Promise<DataReference>>();
  return (path) => {
    const reference = sent.get(path) ?? ship(path);
    sent.set(path, reference);
    return reference;
  };
}

/** The job that trains a run of a trial, with the files that its options name. */
export async function trialJob(
  run: string,
  { of, config }: TrialConfig,
  data: string,
  { ship, download }: { readonly ship: Ship; readonly download: FetchOptions | undefined },
): Promise<Job> {
  const { model, weights } = namedFiles(config);
  const task = {
    data: await ship(data),
    config,
    tune: false,
    ...downloadTask(download),
    ...(model !== undefined && { model: await ship(model) }),
    ...(weights !== undefined && { weights: await ship(weights) }),
  };
  return { id: run, kind: of === 'train' ? 'train' : 'meta-train', task };
}

/** The validation in a report of such a job; null for a report of something else. */
export function validationOf(report: unknown): { readonly step: number; readonly report: RunReport } | null {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return null;
  const { epoch, accuracy, loss, seconds } = parsed.data;
  return { step: epoch, report: { accuracy, loss, seconds } };
}

/** What such a job has come to. @throws Error where its result is of another kind */
export function outcomeOf(result: unknown): {
  readonly trained: number;
  readonly best: RunNumbers & { epoch: number };
} {
  const { best, parameters } = resultSchema.parse(result);
  return { trained: parameters.trained, best };
}
