import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { formatProblems, type Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey, type Seen } from '@graft-ml/core/internal/image/seen';
import { chooseFold, chooseTest, chooseValidation, type Fold, rankBySeed } from '@graft-ml/core/internal/image/split';
import { defaultCache } from '../cache/folder-cache.ts';
import {
  assertKnownClasses,
  assertOneTestSplit,
  assertPossible,
  caseNotes,
  caseTwin,
  noImages,
  tooFewClasses,
} from './dataset-errors.ts';
import type { ImageFacts, ImageFile } from './decode.ts';
import type { Part, Split } from './folder-layout.ts';
import { createImagePool, type ImagePool } from './image-pool.ts';
import { findCandidates } from './readers/find-candidates.ts';
import type { Candidate, ReaderOptions } from './readers/found.ts';
import { checkAll, isFine, isProblem } from './scan/check-all.ts';
import { readDecoded } from './scan/decoded.ts';
import type { SurveyedFacts } from './scan/survey.ts';

/** An image that was read, and decoded once unless it says otherwise, and is good to learn from. */
export interface DatasetImage extends ImageFacts, ImageFile {
  /** Its pixels were not decoded yet: `decode: 'later'`. */
  readonly isUnproven?: true;
  /** The position of its class in `classes`. */
  readonly label: number;
}

/** Labelled images, checked and divided. The order of the images depends on their names alone. */
export interface Dataset {
  /** The folder as it was named. */
  readonly root: string;
  /** The folder to which the images' paths are relative. */
  readonly base: string;
  readonly classes: readonly string[];
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly test: readonly DatasetImage[];
  /**
   * Images of the dataset's own validation and test parts that `seen` knows: they are in no part, since they would
   * flatter.
   */
  readonly keptOut: readonly DatasetImage[];
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  /** The number of hidden entries and files of other kinds that were passed over. */
  readonly ignored: number;
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

export interface DatasetOptions extends ReaderOptions {
  /** The number of folder levels that name a class. Default 1; with 2 a class is called `Alphabet/character01`. */
  readonly classDepth?: number;
  /** Decides the split, and which images `maxPerClass` keeps. Default 0. */
  readonly seed?: number;
  /**
   * The part of each class that validates where the dataset has no validation part of its own. Default 0.2; 0 and 1 put
   * all on one side.
   */
  readonly validationFraction?: number;
  /**
   * The part of each class that is kept for testing, before anything else is divided, where the dataset has no test
   * part of its own: never trained on, and nothing is chosen by it. Default 0.
   */
  readonly testFraction?: number;
  /**
   * Divides by cross-validation instead, whatever the dataset's own validation part: each image but those for testing
   * validates in one fold.
   */
  readonly fold?: Fold;
  /** The classes of an existing run, in its order. Classes beyond them are an error, missing ones are not. */
  readonly classes?: readonly string[];
  /** Use at most so many images of a class in each part of the dataset. */
  readonly maxPerClass?: number;
  /** The images that the weights to train or evaluate have seen: none of them validates or tests. */
  readonly seen?: Seen | null;
  /** Any problem is an error. */
  readonly strict?: boolean;
  /**
   * When pixels are decoded to see whether they are damaged. `later`: on first use, where the structure of the file is
   * sound and no file of the same content was decoded before; the image then says so (`isUnproven`). Default `now`.
   */
  readonly decode?: 'now' | 'later';
  /** The pool that checks images; without it a pool of threads is opened and closed. */
  readonly pool?: ImagePool;
  /** Called after each image that was checked. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the checking, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

type Checked = Candidate & SurveyedFacts;

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
  const {
    validationFraction = 0.2,
    testFraction = 0,
    classDepth = 1,
    maxPerClass = Number.POSITIVE_INFINITY,
  } = options;
  assertPossible({ validationFraction, testFraction, classDepth, maxPerClass, fold: options.fold });
  const found = await findCandidates(root, options);
  if (testFraction > 0) assertOneTestSplit(root, found.parts, testFraction);
  if (options.classes) assertKnownClasses(root, found, options.classes);

  const candidates = chosen(found.candidates, options);
  const { good, broken } = await readAll(candidates, options);
  const classes = options.classes ?? trainableClasses(good);
  const problems = [
    ...found.problems,
    ...broken,
    ...spoiledClasses(candidates, good),
    ...(options.classes ? [] : unevenClasses(found.parts, good)),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));

  if (options.strict && problems.length > 0) {
    throw new UserError(`${root} is not flawless, as strict demands: ${formatProblems(problems)}`);
  }
  if (good.length === 0) throw noImages(root, found, problems);
  if (classes.length < 2) throw tooFewClasses(root, classes, problems);
  const ignored = [...found.ignored.values()].reduce((sum, count) => sum + count, 0);
  const { base, parts } = found;
  const notes = [...found.notes, ...caseNotes(classes)];
  return { root, base, classes, ...divide(parts, good, classes, options), problems, ignored, notes };
}

/**
 * The identity of a dataset's content: SHA-256 over the relative path, label and hash of every image, whatever the
 * split.
 */
export function fingerprint(dataset: Dataset): string {
  const { base } = dataset;
  const lines = imagesOf(dataset).map(({ path, label, sha256 }) =>
    JSON.stringify([relative(base, path).replaceAll(sep, '/'), label, sha256]),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

/** Every image that a dataset has, in whatever part. */
export function imagesOf({ train, validation, test, keptOut }: Dataset): DatasetImage[] {
  return [...train, ...validation, ...test, ...keptOut];
}

/** The files to check, in their order; with `maxPerClass` a seeded choice in each class. */
function chosen(candidates: readonly Candidate[], { maxPerClass, seed = 0 }: DatasetOptions): Candidate[] {
  return [...groupBy(candidates, placeOf).values()]
    .flatMap((all) =>
      maxPerClass === undefined ? all : rankBySeed(all, seed, 'limit', ({ name }) => name).slice(0, maxPerClass),
    )
    .sort((a, b) => compare(a.part.name, b.part.name) || compare(a.className, b.className) || compare(a.name, b.name));
}

/** The path of a class in its part. */
function placeOf({ part, className }: Candidate): string {
  return join(part.folder, className);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Reads every candidate in the pool. Both lists keep the candidates' order. */
async function readAll(candidates: readonly Candidate[], options: DatasetOptions) {
  const pool = options.pool ?? createImagePool();
  try {
    const results = await checkAll(candidates, {
      pool,
      // What is wrong has to be known before `strict` lets anything pass.
      decode: options.strict ? 'now' : (options.decode ?? 'now'),
      decoded: await readDecoded(options.cache === undefined ? defaultCache() : options.cache, pool),
      onProgress: (done, total) => {
        options.signal?.throwIfAborted();
        options.onProgress?.(done, total);
      },
    });
    const good = results.flatMap((result, i): Checked[] => (isFine(result) ? [{ ...candidates[i]!, ...result }] : []));
    return { good, broken: results.filter(isProblem) };
  } finally {
    if (!options.pool) await pool.close();
  }
}

/** The classes with images to train on, in code unit order. */
function trainableClasses(good: readonly Checked[]): string[] {
  const training = good.filter(({ part }) => part.split === undefined || part.split === 'train');
  return [...groupBy(training, ({ className }) => className).keys()].sort();
}

/** The classes of which no image is good. */
function spoiledClasses(candidates: readonly Candidate[], good: readonly Checked[]): Problem[] {
  const fine = new Set(good.map(placeOf));
  return [...groupBy(candidates, placeOf)]
    .filter(([folder]) => !fine.has(folder))
    .map(([path, { length }]) => ({
      path,
      kind: 'empty-class',
      message: `none of its ${length} images can be used`,
    }));
}

/**
 * The classes that stand in some splits of the dataset and not in others. Without a place in train a class is left out.
 */
function unevenClasses(parts: readonly Part[], good: readonly Checked[]): Problem[] {
  const byClass = groupBy(good, ({ className }) => className);
  const names = [...byClass.keys()];
  return [...byClass].flatMap(([, images]) => {
    const present = new Set(images.map(({ part }) => part));
    const absent = parts.filter((part) => !present.has(part));
    if (absent.length === 0) return [];
    const leftOut = absent.some(({ split }) => split === 'train') ? `; its ${images.length} images are left out` : '';
    const twin = caseTwin(images[0]!.className, names);
    const advice = twin === undefined ? '' : `; did you mean ${printableName(twin)}? Upper and lower case count`;
    const message = `the class has no images in ${absent.map(({ name }) => name).join(', ')}${leftOut}${advice}`;
    return [{ path: placeOf(images[0]!), kind: 'class-missing-in-split', message }];
  });
}

/** Puts labels on the images of known classes, and validation images aside where the dataset has none of its own. */
function divide(parts: readonly Part[], good: readonly Checked[], classes: readonly string[], options: DatasetOptions) {
  const labels = new Map(classes.map((name, label) => [name, label]));
  const known = good.filter(({ className }) => labels.has(className));
  const forTest = new Set(chooseForTest(known, options));
  const left = known.filter((image) => !forTest.has(image));
  const heldOut = new Set(chooseHeldOut(parts, left, options));
  const splitOf = (image: Checked): Split | 'keptOut' => {
    if (forTest.has(image)) return 'test';
    if (heldOut.has(image)) return 'validation';
    const own = image.part.split ?? 'train';
    if (options.fold && own === 'validation') return 'train';
    return mayCount(own, image, options.seen) ? own : 'keptOut';
  };
  const imagesIn = (split: Split | 'keptOut'): DatasetImage[] =>
    known
      .filter((image) => splitOf(image) === split)
      .map(({ path, within, className, width, height, sha256, isDecoded }) => ({
        path,
        ...(within && { within }),
        label: labels.get(className)!,
        width,
        height,
        sha256,
        ...(!isDecoded && { isUnproven: true as const }),
      }));
  return {
    train: imagesIn('train'),
    validation: imagesIn('validation'),
    test: imagesIn('test'),
    keptOut: imagesIn('keptOut'),
  };
}

/**
 * Whether an image may stand in a part, for all that the weights know. One that they were chosen by may be chosen by
 * again, not tested on.
 */
function mayCount(split: Split, image: Checked, seen: Seen | null | undefined): boolean {
  const key = contentKey(image);
  if (!seen || split === 'train') return true;
  return !seen.fitted.has(key) && (split === 'validation' || !seen.chosen.has(key));
}

/** The images that are kept for testing, with their copies wherever those stand. */
function chooseForTest(known: readonly Checked[], { testFraction = 0, seed = 0, seen }: DatasetOptions): Checked[] {
  const divisible = known.filter(({ part }) => part.split !== 'validation');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const contents = chooseTest(classes, testFraction, seed, (image) => mayCount('test', image, seen));
  return known.filter(({ sha256 }) => contents.has(sha256));
}

/** The images that validate, beyond those that the dataset itself puts aside for that. */
function chooseHeldOut(parts: readonly Part[], known: readonly Checked[], options: DatasetOptions): Checked[] {
  const { validationFraction = 0.2, seed = 0, fold } = options;
  if (!fold && parts.some(({ split }) => split === 'validation')) return [];
  const divisible = known.filter(({ part }) => part.split !== 'test');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const mayValidate = (image: Checked) => mayCount('validation', image, options.seen);
  if (fold) return chooseFold(classes, fold, seed).filter(mayValidate);
  return classes.flatMap((images) => chooseValidation(images, validationFraction, seed, mayValidate));
}
