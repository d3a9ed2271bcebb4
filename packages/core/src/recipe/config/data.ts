import * as z from 'zod';
import type { Fold } from '../../image/split.ts';
import { choice, type OptionSchemas, orDefault, structured } from './choice.ts';

export const partsChoices = ['auto', 'named', 'none'] as const;

/** Whether folders with the names of splits are parts of the dataset or classes; `auto` goes by the other folders. */
export type PartsChoice = 'auto' | 'named' | 'none';

const fold = structured<Fold>('{ index, of }: the fold that validates, from 1, and how many there are', (value) =>
  isFold(value) ? undefined : true,
);

const whole = z.int().min(1);

function isFold(value: unknown): value is Fold {
  const { data } = z.strictObject({ index: whole, of: whole.min(2).max(9999) }).safeParse(value);
  return data !== undefined && data.index <= data.of;
}

/** The images, and their split. */
export interface DataOptions {
  /** The share of each class held out, where the dataset has no validation part. */
  readonly validationFraction: number;
  /** The share of each class kept for testing, where the dataset has no test part: never trained on nor chosen by. */
  readonly testFraction: number;
  /** Holds out one fold of a cross-validation instead: `{ index: 2, of: 5 }` is the second of five. */
  readonly fold: Fold | null;
  readonly parts: PartsChoice | null;
  /** The class is what the group of this expression matches in the file's name. */
  readonly labelRegex: string | null;
  /** Columns of a table; null: by their names. */
  readonly pathColumn: string | null;
  readonly labelColumn: string | null;
  readonly splitColumn: string | null;
  /** Whether links to folders, and to files outside of the dataset, are followed. */
  readonly followLinks: boolean;
  /** The folder levels that make a class name. */
  readonly classDepth: number;
  /** At most so many images of each class. */
  readonly maxPerClass: number | null;
  /** Whether an image that cannot be used is an error, and so is a warning about the images. */
  readonly strict: boolean;
}

export const dataOptions: OptionSchemas<DataOptions> = {
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
      'share of each class kept for testing, where the folder has no test/: never trained on nor chosen by; ' +
        '`evaluateFolder(run, folder)` measures on it',
    ),
  fold: orDefault(fold).describe('hold out one fold of a cross-validation instead'),
  parts: orDefault(choice(partsChoices)).describe(
    'auto | named | none: whether folders called train, val, test and the like are parts of the dataset; with ' +
      'named, other folders beside them are not classes of it; with none, every folder is a class; default: auto, ' +
      'an error where that is not clear',
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
    .describe('follow links to folders, and to files outside of the dataset; without it they are left out and listed'),
  classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
  maxPerClass: orDefault(z.int().min(1)).describe('use at most this many images of each class'),
  strict: z
    .boolean()
    .default(false)
    .describe('an image that cannot be used is an error, and so is a warning about the images'),
};
