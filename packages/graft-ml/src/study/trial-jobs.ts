import { z } from 'zod';
import type { DataReference, Job } from '../jobs/job.ts';
import type { StudyDefinition } from './definition.ts';
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

/** The job that trains a run of a trial. */
export function trialJob(run: string, { of, config }: TrialConfig, data: DataReference): Job {
  return { id: run, kind: of === 'train' ? 'train' : 'meta-train', task: { data, config } };
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

/** The dataset of a study, where every process that trains sees its path. */
export function localData({ data }: StudyDefinition): DataReference {
  return { path: data, sha256: null };
}
