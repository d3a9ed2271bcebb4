import { createHash } from 'node:crypto';
import { relative, sep } from 'node:path';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import {
  type DatasetParts,
  fingerprintLine,
  type ImageDataset,
  type ImageRecord,
  imagesOf,
} from '@graft-ml/core/internal/image/dataset';
import { type SplitOptions, splitImages } from '@graft-ml/core/internal/image/split-images';
import type { FolderCache } from '../files/cache-folder.ts';
import { assertExpected, usableClasses } from './dataset-checks.ts';
import type { ImageFile } from './decode.ts';
import { findCandidates } from './readers/find-candidates.ts';
import type { ReaderOptions } from './readers/found.ts';
import { type Checked, type CheckOptions, checkImages } from './scan/check-images.ts';

export { imagesOf } from '@graft-ml/core/internal/image/dataset';

/** An image that was read, and decoded once unless it says otherwise, and is good to learn from. */
export interface DatasetImage extends ImageRecord, ImageFile {
  /** Its pixels were not decoded yet: `decode: 'later'`. */
  readonly isUnproven?: true;
}

/** The images of a dataset, each in one of its parts. */
export type SplitImages = DatasetParts<DatasetImage>;

/** Labelled images, checked and divided. The order of the images depends on their names alone. */
export interface Dataset extends ImageDataset<DatasetImage> {
  /** The folder as it was named. */
  readonly root: string;
  /** The folder to which the images' paths are relative. */
  readonly base: string;
  /** The number of hidden entries and files of other kinds that were passed over. */
  readonly ignored: number;
}

export interface DatasetOptions extends ReaderOptions, SplitOptions, CheckOptions {
  /** The number of folder levels that name a class. Default 1; with 2 a class is called `Alphabet/character01`. */
  readonly classDepth?: number;
  /** Decides the split, and which images `maxPerClass` keeps. Default 0. */
  readonly seed?: number;
  /** The classes of an existing run, in its order. Classes beyond them are an error, missing ones are not. */
  readonly classes?: readonly string[];
  /** The cache for unpacked archives, and for which contents decode. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
}

/**
 * Opens `root/<class>/**`, divided by a seeded stratified split, or `root/{train,val,test}/<class>/**`.
 *
 * Every image is read, hashed and decoded once (of one whose content was decoded before, the cache remembers that);
 * what cannot be used is left out and listed in `problems`.
 *
 * @throws UserError where there is no such dataset, no usable image, fewer than two classes, a class that the run does
 * not know, or, with `strict`, any problem
 * @example const { classes, train } = await openDataset('photos', { seed: 1 });
 */
export async function openDataset(root: string, options: DatasetOptions = {}): Promise<Dataset> {
  assertInRange(options);
  const found = await findCandidates(root, options);
  assertExpected(root, found, options);
  const checked = await checkImages(found.candidates, options);
  const { classes, problems, notes } = usableClasses(root, found, checked, options);
  const split = splitImages(found.parts, checked.good, classes, options);
  const parts = {
    train: split.train.map(datasetImage),
    validation: split.validation.map(datasetImage),
    test: split.test.map(datasetImage),
    keptOut: split.keptOut.map(datasetImage),
  };
  const ignored = [...found.ignored.values()].reduce((sum, count) => sum + count, 0);
  return { root, base: found.base, classes, ...parts, problems, ignored, notes: [...found.notes, ...notes] };
}

/**
 * The identity of a dataset's content: SHA-256 over the relative path, label and hash of every image, whatever the
 * split.
 */
export function fingerprint(dataset: Dataset): string {
  const { base } = dataset;
  const lines = imagesOf(dataset).map(({ path, label, sha256 }) =>
    fingerprintLine(relative(base, path).replaceAll(sep, '/'), { label, sha256 }),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

function datasetImage(image: Checked & { readonly label: number }): DatasetImage {
  const { path, within, label, width, height, sha256, isDecoded } = image;
  const place = { path, ...(within && { within }) };
  return { ...place, label, width, height, sha256, ...(!isDecoded && { isUnproven: true as const }) };
}

/** @throws OptionError where a number is out of its range */
function assertInRange(options: DatasetOptions): void {
  const { validationFraction = 0.2, testFraction = 0, classDepth = 1, maxPerClass = 1, fold } = options;
  const refuse = (name: string, value: number | string, range: string) => {
    throw new OptionError({ option: name, expected: range, received: value });
  };
  if (!(validationFraction >= 0 && validationFraction <= 1)) refuse('validationFraction', validationFraction, '0 to 1');
  if (!(testFraction >= 0 && testFraction < 1)) refuse('testFraction', testFraction, '0 or more, and less than 1');
  if (!(Number.isInteger(classDepth) && classDepth >= 1))
    refuse('classDepth', classDepth, 'a whole number of at least 1');
  if (!(maxPerClass >= 1)) refuse('maxPerClass', maxPerClass, 'at least 1');
  if (fold && !(fold.of >= 2 && fold.index >= 1 && fold.index <= fold.of)) {
    refuse('fold', `${fold.index}/${fold.of}`, 'one of at least 2 folds, as in 1/5');
  }
}
