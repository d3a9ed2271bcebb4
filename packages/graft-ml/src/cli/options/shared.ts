import { testTimeNames } from '@graft-ml/core/internal/image/test-time';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import type { CheckpointName } from '../../runs/checkpoints.ts';

/** The checkpoints of a run, without the code that reads them. */
const checkpoints = ['best', 'last'] as const satisfies readonly CheckpointName[];

/** An option that is not set unless it is given. */
export const optionalText = z.string().nullable().default(null);

/** The flags for finding the images and their classes, in the words of `graft train`. */
export const shapeFlags = trainConfigSchema.pick({
  parts: true,
  followLinks: true,
  labelRegex: true,
  pathColumn: true,
  labelColumn: true,
  splitColumn: true,
}).shape;

/** The flag for the checkpoint of a run that a command opens. */
export const checkpointFlag = {
  checkpoint: choice(checkpoints)
    .default('best')
    .describe('checkpoint of the run: best (the best epoch) or last (where it stopped)'),
};

/** The flag for the views that a trained model averages. */
export const testTimeFlag = {
  tta: choice(testTimeNames)
    .default('none')
    .describe(
      `views whose probabilities are averaged: ${testTimeNames.join(' | ')}; crops are of the resized image, ` +
        'along an axis on which it is no larger than the crop they coincide',
    ),
};

/** The flags of every command that may have to download weights. */
export const downloadFlags = {
  offline: z.boolean().default(false).describe('take weights from the cache only'),
  mirror: optionalText.describe('address or folder in place of the publishers’ hosts; default: GRAFT_MIRROR'),
  expectSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'expected 64 hexadecimal digits')
    .nullable()
    .default(null)
    .describe(
      'SHA-256 that the file of the weights must have; where none is published, it must be what was downloaded first',
    ),
};

export type DownloadFlags = z.output<z.ZodObject<typeof downloadFlags>>;

/** The flags of commands that use a run, or a model in its place, on images. */
export const classifierFlags = {
  ...checkpointFlag,
  model: optionalText.describe('instead of a run: an architecture, published weights, or an .onnx file'),
  weights: optionalText.describe('for --model: a file, or published weights; default: the model’s published ones'),
  ...trainConfigSchema.pick({ imageSize: true, mean: true, std: true, colourProfile: true, orientation: true }).shape,
  ...downloadFlags,
  ...testTimeFlag,
  device: z.string().default('cpu').describe('cpu'),
};

export type ClassifierFlags = z.output<z.ZodObject<typeof classifierFlags>>;

/** The flag for the present folder of a run's images. */
export const dataFlag = {
  data: optionalText.describe(
    'for --resume: where the dataset is now, if it was moved, or if the run was made by someone else',
  ),
};

/** The flags that go with `--resume` alone. */
export const resumeFlags = {
  ...dataFlag,
  from: choice(checkpoints)
    .default('last')
    .describe('for --resume: last, or best: the best epoch, where the last checkpoint is damaged'),
};
