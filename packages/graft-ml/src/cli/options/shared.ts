import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import { testTimeNames } from '@graft-ml/core/internal/image/test-time';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { deviceNames, machineOptions } from '@graft-ml/core/internal/recipe/config/machine';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { downloadFlags, optionalText } from './download.ts';

/** The checkpoints of a run, without the code that reads them. */
const checkpoints = ['best', 'last'] as const satisfies readonly CheckpointName[];

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

/** The flag for the bins of the reliability diagram. */
export const binsFlag = {
  bins: z.int().min(1).max(1000).default(15).describe('bins of confidence for the calibration error'),
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

/** The flag for the device that computes. */
export const deviceFlag = { device: machineOptions.device };

/** The same for a command that takes the device of a run by default. */
export const ownDeviceFlag = {
  device: choice(deviceNames)
    .nullable()
    .default(null)
    .describe(`${deviceNames.join(' | ')}; default: the run’s`),
};

/** The flags of commands that use a run, or a model in its place, on images. */
export const classifierFlags = {
  ...checkpointFlag,
  model: optionalText.describe('instead of a run: an architecture, published weights, or an .onnx file'),
  weights: optionalText.describe('for --model: a file, or published weights; default: the model’s published ones'),
  ...trainConfigSchema.pick({ imageSize: true, mean: true, std: true, colourProfile: true, orientation: true }).shape,
  ...downloadFlags,
  ...testTimeFlag,
  ...deviceFlag,
};

export type ClassifierFlags = z.output<z.ZodObject<typeof classifierFlags>>;

/** The flag for the present folder of a run's images. */
export const dataFlag = {
  data: optionalText.describe(
    'for --resume: where the dataset is now, if it was moved, or if the run was made by someone else',
  ),
};

/** The name of a file to write, whose extension must be that of its format. */
export const fileName = (extension: string, format: string) =>
  z.string().refine((name) => name.toLowerCase().endsWith(extension), {
    params: { expected: `the name of ${format} file, which ends in ${extension}` },
  });

/** The flags that go with `--resume` alone. */
export const resumeFlags = {
  ...dataFlag,
  from: choice(checkpoints)
    .default('last')
    .describe('for --resume: last, or best: the best epoch, where the last checkpoint is damaged'),
};

/** Where the time of training goes. */
export const profileFlags = {
  profile: z
    .boolean()
    .default(false)
    .describe('measure where the time of some steps goes: a table at the end, profile.json and trace.json in the run'),
  profileSteps: z.int().min(1).max(1000).default(10).describe('steps of each stage that --profile measures'),
};
