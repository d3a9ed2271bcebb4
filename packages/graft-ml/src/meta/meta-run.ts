import type { SeenRecord } from '@graft-ml/core/data';
import { call, placeholder } from '@graft-ml/core/internal/base/code';
import type { MetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/index';
import { type RunKind, type RunRecord, runRecordSchema, withImages } from '@graft-ml/core/internal/runs/run-file';
import { runSeenSchema } from '@graft-ml/core/internal/weights/checkpoint';
import { z } from 'zod';
import type { SideCounts } from '../episodes/episode.ts';
import { readRunOf } from '../runs/read-run.ts';
import type { OpenRunStore } from '../runs/run-store.ts';

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

/**
 * The run of meta-learning in a folder. @throws UserError where there is none, or it is not one of ours, or of ordinary
 * training
 */
export function readMetaRun(path: string, openStore?: OpenRunStore): Promise<MetaRun> {
  return readRunOf(path, metaRuns, openStore);
}
