import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import { UserError } from '../base/errors.ts';
import { noPictures, refuseImpossible, refuseUnknownClasses, tooFewClasses } from './folder-errors.ts';
import { findParts, type Part, type Split } from './folder-layout.ts';
import { type FolderScan, scanFolder } from './folder-scan.ts';
import { createPicturePool, type PicturePool } from './picture-pool.ts';
import type { PictureFacts } from './picture-worker.ts';
import { formatProblems, PictureError, type PictureProblem, type Problem } from './problem.ts';
import { chooseValidation, rankBySeed } from './split.ts';

/** A picture that was read and fully decoded once, and is good to learn from. */
export interface Picture extends PictureFacts {
  readonly path: string;
  /** The position of its class in `classes`. */
  readonly label: number;
}

/** A folder of pictures, checked and divided. The order of the pictures depends on their paths alone. */
export interface ImageFolder {
  readonly root: string;
  readonly classes: readonly string[];
  readonly train: readonly Picture[];
  readonly validation: readonly Picture[];
  readonly test: readonly Picture[];
  /** What was left out and why, by path. */
  readonly problems: readonly Problem[];
  /** How many hidden entries and files of other kinds were passed over. */
  readonly ignored: number;
}

export interface ImageFolderOptions {
  /** Decides the split, and which pictures `maxPerClass` keeps. Default 0. */
  readonly seed?: number;
  /** The part of each class that validates where the folder has no validation part of its own. Default 0.2; 0 and 1 put all on one side. */
  readonly validationFraction?: number;
  /** How many folder levels name a class. Default 1; with 2 a class is called `Alphabet/character01`. */
  readonly classDepth?: number;
  /** The classes of an existing run, in its order. Folders beyond them are an error, missing ones are not. */
  readonly classes?: readonly string[];
  /** Use at most so many pictures of a class in each part of the folder. */
  readonly maxPerClass?: number;
  /** Any problem is an error. */
  readonly strict?: boolean;
  /** The threads to check with; without it a pool is opened and closed. */
  readonly pool?: PicturePool;
  /** Called after each picture that was checked. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A file that is to be checked, and what the folder says about it. */
interface Candidate {
  readonly path: string;
  readonly className: string;
  readonly part: Part;
}

type Checked = Candidate & PictureFacts;

/**
 * Opens `root/<class>/**`, divided by a seeded stratified split, or `root/{train,val,test}/<class>/**`.
 *
 * Every picture is read, hashed and decoded once; what cannot be used is left out and listed in `problems`.
 *
 * @throws UserError where there is no such folder, no usable picture, fewer than two classes, a class that the run does not know,
 * or, with `strict`, any problem
 * @example const { classes, train } = await openImageFolder('photos', { seed: 1 });
 */
export async function openImageFolder(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const { validationFraction = 0.2, classDepth = 1, maxPerClass = Number.POSITIVE_INFINITY } = options;
  refuseImpossible({ validationFraction, classDepth, maxPerClass });
  const parts = await findParts(root, options.classes === undefined);
  const scans = await Promise.all(parts.map(({ folder }) => scanFolder(folder, classDepth)));
  if (options.classes) refuseUnknownClasses(root, scans, options.classes);

  const candidates = parts.flatMap((part, i) => candidatesOf(part, scans[i]!, options));
  const { good, broken } = await checkAll(candidates, options);
  const classes = options.classes ?? trainableClasses(good);
  const problems = [
    ...scans.flatMap((scan) => scan.problems),
    ...broken,
    ...spoiledClasses(candidates, good),
    ...(options.classes ? [] : unevenClasses(parts, good)),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));

  if (options.strict && problems.length > 0) {
    throw new UserError(`openImageFolder: ${root} is not flawless, as strict demands: ${formatProblems(problems)}`);
  }
  if (good.length === 0) throw noPictures(root, scans, problems);
  if (classes.length < 2) throw tooFewClasses(root, classes, problems);
  const ignored = scans.flatMap((scan) => [...scan.ignored.values()]).reduce((sum, count) => sum + count, 0);
  return { root, classes, ...divide(parts, good, classes, options), problems, ignored };
}

/** The identity of a folder's content: SHA-256 over the relative path, label and hash of every picture, whatever the split. */
export function fingerprint({ root, train, validation, test }: ImageFolder): string {
  const lines = [...train, ...validation, ...test].map(({ path, label, sha256 }) =>
    JSON.stringify([relative(root, path).replaceAll(sep, '/'), label, sha256]),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

/** The files to check; with `maxPerClass` a seeded choice in each class. */
function candidatesOf(part: Part, scan: FolderScan, { maxPerClass, seed = 0 }: ImageFolderOptions): Candidate[] {
  return [...scan.classes].flatMap(([className, all]) => {
    const kept = maxPerClass === undefined ? all : rankBySeed(all, seed, 'limit', (path) => path).slice(0, maxPerClass);
    return kept.toSorted().map((path) => ({ path: join(part.folder, path), className, part }));
  });
}

/** Reads and decodes every candidate in the pool. Both lists keep the candidates' order. */
async function checkAll(candidates: readonly Candidate[], options: ImageFolderOptions) {
  const pool = options.pool ?? createPicturePool();
  let done = 0;
  const check = async (candidate: Candidate): Promise<Checked | PictureProblem> => {
    try {
      return { ...candidate, ...(await pool.check(candidate.path)) };
    } catch (error) {
      if (error instanceof PictureError) return error.problem;
      throw error;
    } finally {
      options.onProgress?.(++done, candidates.length);
    }
  };
  try {
    const results = await Promise.all(candidates.map(check));
    return {
      good: results.filter((result) => 'sha256' in result),
      broken: results.filter((result) => 'kind' in result),
    };
  } finally {
    if (!options.pool) await pool.close();
  }
}

/** The classes with pictures to train on, in code unit order. */
function trainableClasses(good: readonly Checked[]): string[] {
  const training = good.filter(({ part }) => part.split === undefined || part.split === 'train');
  return [...groupBy(training, ({ className }) => className).keys()].sort();
}

/** The class folders of which no picture is good. */
function spoiledClasses(candidates: readonly Candidate[], good: readonly Checked[]): Problem[] {
  const folderOf = ({ part, className }: Candidate) => join(part.folder, className);
  const fine = new Set(good.map(folderOf));
  return [...groupBy(candidates, folderOf)]
    .filter(([folder]) => !fine.has(folder))
    .map(([path, { length }]) => ({
      path,
      kind: 'empty-class',
      message: `none of its ${length} pictures can be used`,
    }));
}

/** The classes that stand in some splits of the folder and not in others. Without a place in train a class is left out. */
function unevenClasses(parts: readonly Part[], good: readonly Checked[]): Problem[] {
  return [...groupBy(good, ({ className }) => className)].flatMap(([className, pictures]) => {
    const present = new Set(pictures.map(({ part }) => part));
    const absent = parts.filter((part) => !present.has(part));
    if (absent.length === 0) return [];
    const leftOut = absent.some(({ split }) => split === 'train')
      ? `; its ${pictures.length} pictures are left out`
      : '';
    const message = `the class has no pictures in ${absent.map(({ name }) => name).join(', ')}${leftOut}`;
    return [{ path: join(pictures[0]!.part.folder, className), kind: 'class-missing-in-split', message }];
  });
}

/** Puts labels on the pictures of known classes, and validation pictures aside where the folder has none of its own. */
function divide(
  parts: readonly Part[],
  good: readonly Checked[],
  classes: readonly string[],
  options: ImageFolderOptions,
) {
  const { validationFraction = 0.2, seed = 0 } = options;
  const labels = new Map(classes.map((name, label) => [name, label]));
  const known = good.filter(({ className }) => labels.has(className));
  const isDivided = parts.some(({ split }) => split === 'validation');
  const splitOf = ({ part }: Candidate): Split => part.split ?? 'train';
  const divisible = isDivided ? [] : known.filter((picture) => splitOf(picture) === 'train');
  const heldOut = new Set(
    [...groupBy(divisible, ({ className }) => className).values()].flatMap((pictures) =>
      chooseValidation(pictures, validationFraction, seed),
    ),
  );
  const picturesOf = (split: Split): Picture[] =>
    known
      .filter((picture) => (heldOut.has(picture) ? 'validation' : splitOf(picture)) === split)
      .map(({ path, className, width, height, sha256 }) => ({
        path,
        label: labels.get(className)!,
        width,
        height,
        sha256,
      }));
  return { train: picturesOf('train'), validation: picturesOf('validation'), test: picturesOf('test') };
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
