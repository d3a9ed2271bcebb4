import { call, placeholder } from '@graft-ml/core/internal/base/code';
import { metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/index';
import { z } from 'zod';
import { runSeenSchema } from '../checkpoint/pretrained.ts';
import { type RunKind, readRunOf, runRecordSchema, withImages } from '../runs/run-file.ts';

const sideSchema = withImages(z.object({ classes: z.int(), images: z.int() }));

/** `run.json` of meta-learning. */
export const metaRunSchema = runRecordSchema.extend({
  kind: z.literal('meta'),
  config: metaConfigSchema,
  /** Which of its images its weights had seen when it began. */
  before: runSeenSchema,
  /** Classes and images, by side of the split. */
  dataset: z.object({
    fingerprint: z.string(),
    split: z.string().overwrite((split) => (split === 'pictures' ? 'images' : split)), // 0.1's word for fixed labels
    train: sideSchema,
    validation: sideSchema,
    test: sideSchema,
    leftOut: z.array(z.object({ path: z.string(), kind: z.string() })),
  }),
});

export type MetaRun = z.output<typeof metaRunSchema>;

/** Runs of `trainMeta`. */
export const metaRuns: RunKind<MetaRun> = {
  name: 'meta',
  schema: metaRunSchema,
  begunBy: 'trainMeta',
  resumedBy: 'resumeMeta',
  refusal: (path) =>
    `${path} is a run of ordinary training, whose classes are decided. ${call('trainMeta', [placeholder('folder')])} makes runs that learn to learn.`,
};

/** The run of meta-learning in a folder. @throws UserError where there is none, or it is not one of ours, or of ordinary training */
export function readMetaRun(path: string): Promise<MetaRun> {
  return readRunOf(path, metaRuns);
}
