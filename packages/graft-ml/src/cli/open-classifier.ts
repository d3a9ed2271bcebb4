import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import { readText } from '../files/read.ts';
import { type Classifier, openModel } from '../predict/classifier.ts';
import { openRun } from '../predict/open-run.ts';
import { checkpointFlag } from './checkpoint-flag.ts';
import { downloadFlags, downloadOptions } from './download.ts';
import type { Terminal } from './terminal.ts';
import { testTimeFlag } from './test-time.ts';

/** The flags of commands that look at images with a run, or with a model in its place. */
export const classifierFlags = {
  ...checkpointFlag,
  model: z
    .string()
    .nullable()
    .default(null)
    .describe('instead of a run: an architecture, published weights, or an .onnx file'),
  weights: z
    .string()
    .nullable()
    .default(null)
    .describe('for --model: a file, or published weights; default: the model’s published ones'),
  ...trainConfigSchema.pick({ imageSize: true, mean: true, std: true, colourProfile: true, orientation: true }).shape,
  ...downloadFlags,
  ...testTimeFlag,
  device: z.string().default('cpu').describe('cpu'),
};

type ClassifierFlags = z.output<z.ZodObject<typeof classifierFlags>>;

/** What `--model` means, with the names of its classes in a file if there are any. */
export async function openNamedModel(
  name: string,
  {
    weights,
    imageSize,
    mean,
    std,
    colourProfile,
    orientation,
    device,
    tta,
    checkpoint: _,
    ...download
  }: ClassifierFlags,
  terminal: Terminal,
  classesFile: string | null = null,
): Promise<Classifier> {
  const classes = classesFile === null ? undefined : await readLines(classesFile);
  const classifier = await openModel(
    { name, weights: weights ?? undefined, classes, imageSize, mean, std, colourProfile, orientation },
    { device, tta, download: downloadOptions(download, terminal) },
  );
  for (const note of classifier.notes) terminal.note(note);
  return classifier;
}

export async function openNamedRun(
  run: string,
  { device, tta, checkpoint, weights: _, ...flags }: ClassifierFlags,
  terminal: Terminal,
): Promise<Classifier> {
  if (flags.expectSha256 !== null) {
    throw new UsageError(
      '--expect-sha256 is of the weights of --model; the files of a run have checksums of their own.',
    );
  }
  return openRun(run, { device, tta, checkpoint, download: downloadOptions(flags, terminal) });
}

/** Whether a run stands there. */
export function isRun(path: string): Promise<boolean> {
  return stat(join(path, 'run.json')).then(
    () => true,
    () => false,
  );
}

/** In bytes: a million names. */
const longestList = 50_000_000;

async function readLines(path: string): Promise<string[]> {
  const text = await readText(path, { most: longestList }).catch((error: Error) => {
    throw new UserError(`--classes: ${error.message}`, { cause: error });
  });
  return text.split(/\r?\n/).filter((line) => line !== '');
}
