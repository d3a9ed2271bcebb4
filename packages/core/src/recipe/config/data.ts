import * as z from 'zod';
import type { Fold } from '../../image/split.ts';
import { choice, orDefault } from './choice.ts';

export const partsChoices = ['auto', 'named', 'none'] as const;

/** Whether folders with the names of splits are parts of the dataset or classes; `auto` goes by the other folders. */
export type PartsChoice = 'auto' | 'named' | 'none';

/** Which images, and how they are divided. */
export const dataOptions = {
  validationFraction: z
    .number()
    .min(0)
    .lt(1)
    .default(0.2)
    .describe('share of each class held out, where the folder has no val/'),
  testFraction: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe(
      'share of each class kept for testing, where the folder has no test/: never trained on nor chosen by; `evaluateFolder(run, folder)` measures on it',
    ),
  fold: orDefault(
    z.string().refine((text) => parseFold(text) !== undefined, {
      error: ({ input }) => `${String(input)} is none: 2/5 is the second of five folds.`,
    }),
  ).describe('hold out one fold of a cross-validation instead: 2/5 is the second of five'),
  parts: orDefault(choice(partsChoices)).describe(
    'auto | named | none: whether folders called train, val, test and the like are parts of the data set; with named, other folders beside them are not classes of it; with none, every folder is a class; default: auto, an error where that is not clear',
  ),
  labelRegex: orDefault(z.string()).describe(
    'the class is in the file’s name: what the group of this expression matches, as in ^(.+)_\\d+\\.jpg$',
  ),
  pathColumn: orDefault(z.string()).describe(
    'column of a table with the images’ files, or of a Parquet file with the images; default: by its name',
  ),
  labelColumn: orDefault(z.string()).describe('column of a table with the class; default: by its name'),
  splitColumn: orDefault(z.string()).describe('column of a table with train, val or test; default: by its name'),
  followLinks: z
    .boolean()
    .default(false)
    .describe('follow links to folders, and to files outside of the data set; without it they are left out and listed'),
  classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
  maxPerClass: orDefault(z.int().min(1)).describe('use at most so many images of each class'),
  strict: z
    .boolean()
    .default(false)
    .describe('an image that cannot be used is an error, and so is a warning about the images'),
};

/** `2/5` as numbers; undefined where it is none. */
export function parseFold(text: string): Fold | undefined {
  const [, index, of] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index === undefined || of === undefined) return undefined;
  return of >= 2 && index >= 1 && index <= of ? { index, of } : undefined;
}
