import { UsageError } from '@graft-ml/core/internal/base/errors';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import type { Part } from '../../evaluate/evaluation-images.ts';
import { optionalText } from './download.ts';
import { binsFlag, checkpointFlag, deviceFlag, shapeFlags, testTimeFlag } from './shared.ts';

const parts = ['train', 'validation', 'test', 'all'] as const satisfies readonly Part[];

export const evaluateFlags = z.strictObject({
  part: choice(parts)
    .nullable()
    .default(null)
    .describe(
      `${parts.join(' | ')}; default: test/ where there is one (not with --against), validation for the run’s own folder, else all`,
    ),
  against: optionalText.describe('compare with this run on the same images: McNemar’s test, and where they differ'),
  predictions: optionalText.describe(
    'write each image’s path, label, prediction and probabilities to this file, .csv, .jsonl or .parquet',
  ),
  sheet: optionalText.describe(
    'draw the worst mistakes on this contact sheet, a PNG file; with --against the images that the runs answer most differently',
  ),
  curves: z
    .boolean()
    .default(false)
    .describe('draw the reliability diagram, ROC and precision over recall; with --against of both runs'),
  byRow: z
    .boolean()
    .default(false)
    .describe('the confusion matrix in percent of each row; with --against of both runs'),
  topK: z.int().min(1).default(5).describe('the k of the top-k accuracy'),
  ...binsFlag,
  replicates: z.int().min(0).max(100_000).default(1000).describe('replicates of the bootstrap; 0: no intervals by it'),
  seed: z.int().min(0).default(0).describe('seed of the bootstrap'),
  ...checkpointFlag,
  calibrated: z.boolean().default(true).describe('apply the temperature of `graft calibrate`, where the run has one'),
  ...shapeFlags,
  ...testTimeFlag,
  ...deviceFlag,
});

/** @throws UsageError where the predictions of two runs are to be written into one file */
export function assertComparable(given: readonly string[], against: string): void {
  if (!given.includes('predictions')) return;
  throw new UsageError(
    'evaluate: a file of --predictions has the probabilities of one run, and --against compares two. Write one for each: ' +
      `once without --against, and once for ${against}, with the same --part.`,
  );
}
