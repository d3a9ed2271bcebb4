import { basename } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { formatProblems, type Problem } from '@graft-ml/core/internal/image/problem';
import { expectedLayouts, type Part } from './folder-layout.ts';
import { type Candidate, classPath, type Found } from './readers/found.ts';
import type { Checked, CheckedImages } from './scan/check-images.ts';

/** The usual ways of numbering images of a class in a flat folder. A group holds the class. */
const usualNumbering: readonly string[] = [
  '^(.+)_\\d+\\.\\w+$',
  '^(.+)-\\d+\\.\\w+$',
  '^(.+)\\.\\d+\\.\\w+$',
  '^(.+) \\(\\d+\\)\\.\\w+$',
  '^([A-Za-z_-]+?)[_-]?\\d+\\.\\w+$',
  '^\\d+[_-](.+)\\.\\w+$',
  '^([A-Za-z]+)[_-].+\\.\\w+$',
];

/**
 * @throws UserError where the dataset is not what was asked for: it has classes that a run with a frozen list does not
 * know, or a test part of its own, and one was to be drawn
 */
export function assertExpected(
  root: string,
  { parts, classNames }: Found,
  { testFraction = 0, classes }: { readonly testFraction?: number; readonly classes?: readonly string[] },
): void {
  const ownTest = parts.find(({ split }) => split === 'test');
  if (testFraction > 0 && ownTest) {
    throw new OptionError({
      option: 'testFraction',
      expected: '0, since the dataset has a test part',
      received: testFraction,
      problem:
        `: ${root} has a test part of its own (${ownTest.name}). Leave it out; or, to divide all images anew, put ` +
        'them in one folder.',
    });
  }
  const known = new Set(classes);
  const unknown = classes ? [...classNames].filter((name) => !known.has(name)).sort() : [];
  if (!classes || unknown.length === 0) return;
  throw new UserError(
    `${plural(unknown.length, 'class', 'classes')} of ${root} ${unknown.length === 1 ? 'is not one' : 'are not'} of the run. ` +
      `+ ${shorten(unknown)} (dataset), the run has ${shorten(classes)}. ` +
      `${caseAdvice(unknown, classes)}Rename or remove those, or train a run with them.`,
  );
}

/** The classes of a dataset, and what there is to say about them. */
export interface DatasetClasses {
  readonly classes: readonly string[];
  /** The problems of files and of classes, by path. */
  readonly problems: readonly Problem[];
  /** A sentence each. */
  readonly notes: readonly string[];
}

/**
 * The classes that a dataset has images for: those of `known`, in its order, or the ones with images to train on, in
 * code unit order.
 *
 * @throws UserError where there is no usable image, there are fewer than two classes, or with `strict` any problem
 */
export function usableClasses(
  root: string,
  found: Found,
  { candidates, good, broken }: CheckedImages,
  { classes: known, strict }: { readonly classes?: readonly string[]; readonly strict?: boolean },
): DatasetClasses {
  const classes = known ?? trainableClasses(good);
  const problems = [
    ...found.problems,
    ...broken,
    ...spoiledClasses(candidates, good),
    ...(known ? [] : unevenClasses(found.parts, good)),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (strict && problems.length > 0) {
    throw new UserError(`${root} is not flawless, as strict demands: ${formatProblems(problems)}`);
  }
  if (good.length === 0) throw noImages(root, found, problems);
  if (classes.length < 2) throw tooFewClasses(root, classes, problems);
  return { classes, problems, notes: caseNotes(classes) };
}

/** The classes with images to train on, in code unit order. */
function trainableClasses(good: readonly Checked[]): string[] {
  const training = good.filter(({ part }) => part.split === undefined || part.split === 'train');
  return [...groupBy(training, ({ className }) => className).keys()].sort();
}

/** The classes of which no image is good. */
function spoiledClasses(candidates: readonly Candidate[], good: readonly Checked[]): Problem[] {
  const fine = new Set(good.map(classPath));
  return [...groupBy(candidates, classPath)]
    .filter(([folder]) => !fine.has(folder))
    .map(([folder, { length }]) => spoiledClass(folder, length));
}

/** The problem of a class of which no image is good; those of its images stand beside it. */
export function spoiledClass(path: string, images: number): Problem {
  const message = images === 1 ? 'its only image cannot be used' : `none of its ${images} images can be used`;
  return { path, kind: 'empty-class', message };
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
    const leftOut = absent.some(({ split }) => split === 'train')
      ? `; its ${images.length === 1 ? 'only image is' : `${images.length} images are`} left out`
      : '';
    const twin = caseTwin(images[0]!.className, names);
    const advice = twin === undefined ? '' : `; did you mean ${printableName(twin)}? Upper and lower case count`;
    const message = `the class has no images in ${absent.map(({ name }) => name).join(', ')}${leftOut}${advice}`;
    return [{ path: classPath(images[0]!), kind: 'class-missing-in-split', message }];
  });
}

/** The error where nothing in the dataset can be used; says what is there instead. */
function noImages(root: string, { ignored }: Found, problems: readonly Problem[]): UserError {
  const others = [...ignored].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const passedOver = others ? ` Other entries there: ${others}.` : '';
  return new UserError(
    `${root} holds no usable images.${passedOver} Expected ` +
      `${expectedLayouts}.${flatAdvice(problems)}${summary(problems)}`,
  );
}

/** One class cannot be told from anything. */
function tooFewClasses(root: string, classes: readonly string[], problems: readonly Problem[]): UserError {
  const found = classes.length === 0 ? 'no class' : `one class (${printableName(classes[0]!)})`;
  return new UserError(
    `${root} has ${found} with usable training images, at least 2 are needed. Expected ${expectedLayouts}. ` +
      'If the class folders lie deeper, name the folder above them or pass ' +
      `\`classDepth\`.${flatAdvice(problems)}${summary(problems)}`,
  );
}

/** The class that has this name but for upper and lower case. */
function caseTwin(name: string, classes: Iterable<string>): string | undefined {
  for (const other of classes) if (other !== name && other.toLowerCase() === name.toLowerCase()) return other;
  return undefined;
}

function caseAdvice(unknown: readonly string[], classes: readonly string[]): string {
  const pairs = unknown.flatMap((name) => {
    const twin = caseTwin(name, classes);
    return twin === undefined ? [] : [`"${printableName(twin)}" for "${printableName(name)}"`];
  });
  return pairs.length === 0 ? '' : `Did you mean ${pairs.slice(0, listed).join(', ')}? Upper and lower case count. `;
}

/**
 * Classes of one dataset whose names differ in upper and lower case alone: said, since one of them is probably a slip.
 */
function caseNotes(classes: readonly string[]): string[] {
  const byName = groupBy(classes, (name) => name.toLowerCase());
  return [...byName.values()]
    .filter(({ length }) => length > 1)
    .slice(0, listed)
    .map(
      (twins) =>
        `The classes ${twins.map((name) => printableName(name)).join(' and ')} differ in upper and lower case only.`,
    );
}

function flatAdvice(problems: readonly Problem[]): string {
  return regexAdvice(problems.filter(({ kind }) => kind === 'no-class').map(({ path }) => path));
}

const listed = 20;

function shorten(names: readonly string[]): string {
  const rest = names.length - listed;
  return (
    names
      .slice(0, listed)
      .map((name) => printableName(name))
      .join(', ') + (rest > 0 ? ` and ${rest} more` : '')
  );
}

function summary(problems: readonly Problem[]): string {
  return problems.length > 0 ? `\n${formatProblems(problems)}` : '';
}

/**
 * An expression for `labelRegex` that finds at least two classes, of several images each, in all of these names;
 * undefined where none does.
 */
function suggestRegex(paths: readonly string[]): string | undefined {
  if (paths.length < 4) return undefined;
  // A few hundred tell as much as all. Names are as long as a file system lets them, and these expressions do not
  // backtrack far.
  const step = Math.ceil(paths.length / 500);
  const names = paths.filter((_, i) => i % step === 0).map((path) => basename(path));
  return usualNumbering.find((source) => {
    const pattern = new RegExp(source);
    const labels = names.map((name) => pattern.exec(name)?.[1]);
    const classes = new Set(labels).size;
    return !labels.includes(undefined) && classes >= 2 && 2 * classes <= names.length;
  });
}

/** Advice for images that are in no class folder; '' where their names tell nothing. */
function regexAdvice(paths: readonly string[]): string {
  const regex = suggestRegex(paths);
  if (regex === undefined) return '';
  const label = new RegExp(regex).exec(basename(paths[0]!))![1]!;
  return (
    ` The names of the files seem to tell the class (${printableName(basename(paths[0]!))} is of ` +
    `${printableName(label)}): pass ${option('labelRegex', regex)}.`
  );
}
