import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { deviceNames, machineOptions } from '@graft-ml/core/internal/recipe/config/machine';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { downloadFlags, optionalText } from './download.ts';
import { usualModel } from './features.ts';
import { shapeFlags } from './shared.ts';

export const doctorFlags = z.strictObject({
  fixTo: optionalText.describe('write a clean copy to this new folder'),
  near: z.boolean().default(false).describe('treat images that look the same as copies, in the clean copy'),
  strict: z
    .boolean()
    .default(false)
    .describe('exit status 1 where anything is found; without a usable image it is 1 anyway'),
  examples: z
    .int()
    .min(1)
    .default(5)
    .describe('findings of each kind that are written out, with --labels 20 unless given; --json has all'),
  labels: z.boolean().default(false).describe('list the images whose labels are probably wrong'),
  sheet: optionalText.describe('with --labels: draw the suspects on this contact sheet, a PNG file'),
  model: z
    .string()
    .default(usualModel)
    .describe('with --labels: the backbone whose features are judged by: what `graft train` takes, or a run'),
  weights: optionalText.describe('with --labels: its weights: a file, a tag or a name; default: those published'),
  imageSize: trainConfigSchema.shape.imageSize.describe('with --labels: side of the square the model sees, in pixels'),
  folds: z.int().min(2).max(100).default(5).describe('with --labels: folds of the cross-validation'),
  seed: trainConfigSchema.shape.seed.describe('with --labels: decides the folds'),
  device: machineOptions.device.describe(`with --labels: ${deviceNames.join(' | ')}`),
  ...downloadFlags,
  machine: z.boolean().default(false).describe('examine this machine instead of a dataset'),
  renew: z.boolean().default(false).describe('with --machine: time again what was measured here, or what the run uses'),
  threads: trainConfigSchema.shape.threads.describe('with --machine: threads of one operator; default: all cores'),
  classDepth: trainConfigSchema.shape.classDepth,
  ...shapeFlags,
});

/** @throws UsageError for a flag about a dataset beside `--machine` */
export function assertMachineFlags(given: readonly string[]): void {
  const other = given.find((key) => !['machine', 'renew', 'threads'].includes(key));
  if (other !== undefined)
    throw new UsageError(`doctor: --${kebabCase(other)} is about a dataset, and --machine about this machine.`);
}

/** @throws UsageError where there is no dataset, or a flag would not be looked at */
export function assertDatasetFlags(folder: string | undefined, given: readonly string[]): asserts folder is string {
  if (folder === undefined) throw new UsageError('doctor: name a folder of labelled images, or --machine.');
  if (given.includes('renew') || given.includes('threads'))
    throw new UsageError('doctor: --renew and --threads go with --machine.');
  if (given.includes('near') && !given.includes('fixTo'))
    throw new UsageError('doctor: --near is about the clean copy of --fix-to.');
  const ofLabels = given.find((key) => labelFlags.includes(key));
  if (given.includes('labels') && given.includes('fixTo'))
    throw new UsageError('doctor: the clean copy of --fix-to keeps labels as they are: leave out --labels.');
  if (ofLabels !== undefined && !given.includes('labels'))
    throw new UsageError(`doctor: --${kebabCase(ofLabels)} goes with --labels.`);
}

/** Flags that say how labels are examined. */
const labelFlags: readonly string[] = [
  'model',
  'weights',
  'imageSize',
  'folds',
  'seed',
  'device',
  'sheet',
  'offline',
  'mirror',
  'expectSha256',
];
