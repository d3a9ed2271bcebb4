import { basename } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { formatProblems, type Problem } from '@graft-ml/core/internal/image/problem';
import type { Fold } from '@graft-ml/core/internal/image/split';
import { expectedLayouts, type Part } from './folder-layout.ts';
import type { Found } from './readers/found.ts';

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

/** @throws OptionError where a number is out of its range */
export function assertPossible(options: {
  validationFraction: number;
  testFraction: number;
  classDepth: number;
  maxPerClass: number;
  fold: Fold | undefined;
}): void {
  const { validationFraction, testFraction, classDepth, maxPerClass, fold } = options;
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

/** @throws OptionError where a test part is asked for, and there is one */
export function assertOneTestSplit(root: string, parts: readonly Part[], testFraction: number): void {
  const own = parts.find(({ split }) => split === 'test');
  if (!own) return;
  throw new OptionError({
    option: 'testFraction',
    expected: '0, since the dataset has a test part',
    received: testFraction,
    problem:
      `: ${root} has a test part of its own (${own.name}). Leave it out; or, to divide all images anew, put them ` +
      'in one folder.',
  });
}

/** The error where nothing in the dataset can be used; says what is there instead. */
export function noImages(root: string, { ignored }: Found, problems: readonly Problem[]): UserError {
  const others = [...ignored].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const passedOver = others ? ` Other entries there: ${others}.` : '';
  return new UserError(
    `${root} holds no usable images.${passedOver} Expected ` +
      `${expectedLayouts}.${flatAdvice(problems)}${summary(problems)}`,
  );
}

/** One class cannot be told from anything. */
export function tooFewClasses(root: string, classes: readonly string[], problems: readonly Problem[]): UserError {
  const found = classes.length === 0 ? 'no class' : `one class (${printableName(classes[0]!)})`;
  return new UserError(
    `${root} has ${found} with usable training images, at least 2 are needed. Expected ${expectedLayouts}. ` +
      'If the class folders lie deeper, name the folder above them or pass ' +
      `\`classDepth\`.${flatAdvice(problems)}${summary(problems)}`,
  );
}

/** @throws UserError where the dataset has classes that a run with a frozen list does not know */
export function assertKnownClasses(root: string, { classNames }: Found, classes: readonly string[]): void {
  const known = new Set(classes);
  const unknown = [...classNames].filter((name) => !known.has(name)).sort();
  if (unknown.length === 0) return;
  throw new UserError(
    `${unknown.length} classes of ${root} are no classes of the run. ` +
      `+ ${shorten(unknown)} (dataset), the run has ${shorten(classes)}. ` +
      `${caseAdvice(unknown, classes)}Rename or remove those, or train a run with them.`,
  );
}

/** The class that has this name but for upper and lower case. */
export function caseTwin(name: string, classes: Iterable<string>): string | undefined {
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
export function caseNotes(classes: readonly string[]): string[] {
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
