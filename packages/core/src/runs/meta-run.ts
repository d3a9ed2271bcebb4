import * as z from 'zod';
import { call, placeholder } from '../base/code.ts';
import type { SeenRecord } from '../image/seen.ts';
import type { MetaConfig } from '../recipe/meta/index.ts';
import { metaConfigSchema } from '../recipe/meta/index.ts';
import { runSeenSchema } from '../weights/checkpoint.ts';
import { type RunKind, type RunRecord, runRecordSchema, withImages } from './run-file.ts';

const sideSchema = withImages(z.object({ classes: z.int(), images: z.int() }));

export const metaRunSchema = runRecordSchema.extend({
  kind: z.literal('meta'),
  config: metaConfigSchema,
  before: runSeenSchema,
  dataset: z.object({
    fingerprint: z.string(),
    split: z.string().overwrite((split) => (split === 'pictures' ? 'images' : split)), // 0.1's word for fixed labels
    train: sideSchema,
    validation: sideSchema,
    test: sideSchema,
    leftOut: z.array(z.object({ path: z.string(), kind: z.string() })),
  }),
});

/** `run.json` of meta-learning. */
export interface MetaRun extends RunRecord {
  readonly kind: 'meta';
  readonly config: MetaConfig;
  /** Those of its images that its weights had seen when it began. */
  readonly before: SeenRecord | null;
  readonly dataset: MetaDataset;
}

/** The number of classes (rotation classes included) and of images on disk on one side of a split. */
export interface SideCounts {
  readonly classes: number;
  readonly images: number;
}

/** The dataset of a run of meta-learning: classes and images, by side of the split. */
export interface MetaDataset {
  readonly fingerprint: string;
  readonly split: string;
  readonly train: SideCounts;
  readonly validation: SideCounts;
  readonly test: SideCounts;
  readonly leftOut: readonly { readonly path: string; readonly kind: string }[];
}

/** Runs of `trainMeta`. */
export const metaRuns: RunKind<MetaRun> = {
  name: 'meta',
  schema: metaRunSchema,
  begunBy: 'trainMeta',
  resumedBy: 'resumeMeta',
  refusal: (path) =>
    `${path} is a run of ordinary training, whose classes are decided. ` +
    `${call('trainMeta', [placeholder('folder')])} makes runs that learn to learn.`,
};
