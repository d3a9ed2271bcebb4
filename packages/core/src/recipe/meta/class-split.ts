import { didYouMean } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { rankBySeed } from '../../image/split.ts';
import type { Split } from '../../image/split-images.ts';
import type { ClassSplit, SideNumbers } from './split.ts';

/** The division of the classes: by the parts that the dataset has, or by numbers, seeded. */
export type Division = { readonly kind: 'auto' } | { readonly kind: 'background' } | Numbers;

/** The numbers of classes for training, validation and testing. */
interface Numbers {
  readonly kind: 'classes' | 'percent';
  readonly train: number;
  /** Default: a part of those that train. */
  readonly validation?: number;
  readonly test: number;
}

/** A split as it was asked for. */
export interface SplitRequest {
  /** The folder whose classes alone are used. */
  readonly folder?: string;
  readonly division: Division;
}

/** A class, and the part of the dataset that it lies in. */
export interface PlacedClass {
  readonly name: string;
  /** The names of the parts that its images are in, each with the split it is called by. */
  readonly parts: ReadonlyMap<string, Split | undefined>;
}

/** The names of the classes on each side, and the split that this is. */
export interface DividedClasses extends Readonly<Record<Split, readonly string[]>> {
  readonly split: string;
}

/** The names of Omniglot's two sets, which share no alphabet. */
export const omniglotParts = { background: 'background', evaluation: 'evaluation' } as const;

const background = `${omniglotParts.background}/${omniglotParts.evaluation}`;
const usual: Numbers = { kind: 'percent', train: 60, validation: 20, test: 20 };
/**
 * 1200 characters to train on, of which 100 validate, and the other 423 to test: Santoro et al. 2016; Finn et al. 2017,
 * in their code.
 */
const usualOmniglot: Numbers = { kind: 'classes', train: 1200, test: 423 };
/** The part of the training classes that validates where nothing else is said: those 100 of 1200. */
const validationShare = 1 / 12;

/** A split as the classes are divided by it. */
export function requestOf(split: ClassSplit): SplitRequest {
  if (split === 'auto') return { division: { kind: 'auto' } };
  if (split === 'background/evaluation') return { division: { kind: 'background' } };
  const { folder, classes, percent } = split;
  const division: Numbers = classes ? numbersOf('classes', classes) : percent ? numbersOf('percent', percent) : usual;
  return { ...(folder !== undefined && { folder }), division };
}

function numbersOf(kind: Numbers['kind'], { train, validation, test }: SideNumbers): Numbers {
  return { kind, train, ...(validation !== undefined && { validation }), test };
}

/** Whether a class lies in a folder, whatever its depth. */
export function isBelow(folder: string, className: string): boolean {
  return className.startsWith(`${folder}/`);
}

/** The error where there is no class below the folder that a split names. */
export function unknownFolder(folder: string, classNames: Iterable<string>): UserError {
  const folders = new Set<string>();
  for (const name of classNames) {
    const levels = name.split('/').slice(0, -1);
    for (let depth = 1; depth <= levels.length; depth++) folders.add(levels.slice(0, depth).join('/'));
  }
  const all = [...folders].sort();
  const known =
    all.length === 0 ? 'No class there lies in another folder.' : `Expected one of: ${all.slice(0, 60).join(', ')}.`;
  return new UserError(`The split "${folder}" is no folder with classes in it.${didYouMean(folder, all)} ${known}`);
}

/** Puts each class on one side. @throws UserError where that cannot be done as it was asked for */
export function divideClasses(
  classes: readonly PlacedClass[],
  { folder, division }: SplitRequest,
  { seed, isOmniglot, untrainedWay }: { seed: number; isOmniglot: boolean; untrainedWay?: number | undefined },
): DividedClasses {
  const prefix = folder === undefined ? '' : `${folder}:`;
  if (division.kind === 'background') return divideByBackground(classes, seed, isOmniglot);
  if (division.kind !== 'auto') return divideByNumbers(classes, division, seed, prefix);
  const hasParts = classes.some(({ parts }) => [...parts.values()].some((split) => split !== undefined));
  if (hasParts) return divideByParts(classes, seed);
  if (untrainedWay !== undefined) {
    const { validation, test } = countsOf(isOmniglot ? usualOmniglot : usual, classes.length);
    if (Math.min(validation, test) < untrainedWay) return onEverySide(classes);
  }
  return divideByNumbers(classes, isOmniglot ? usualOmniglot : usual, seed, prefix);
}

/** All classes on every side: where nothing is trained, no class gives anything away. */
function onEverySide(classes: readonly PlacedClass[]): DividedClasses {
  const names = classes.map(({ name }) => name).sort();
  return { split: 'all', train: names, validation: names, test: names };
}

function divideByNumbers(
  classes: readonly PlacedClass[],
  division: Numbers,
  seed: number,
  prefix: string,
): DividedClasses {
  const { train, validation, test } = countsOf(division, classes.length);
  const split = `${prefix}${train}/${validation}/${test}`;
  if (train + validation + test > classes.length || Math.min(train, validation, test) < 1) {
    throw new UserError(
      `The split ${split} (train/validation/test) is not possible with ${classes.length} classes that have enough ` +
        'images: each side needs at least one. Lower the numbers, or name a folder with more classes.',
    );
  }
  const ranked = ranking(classes, seed);
  return {
    split,
    test: ranked.slice(0, test).sort(),
    validation: ranked.slice(test, test + validation).sort(),
    train: ranked.slice(test + validation, test + validation + train).sort(),
  };
}

/** Numbers of classes. Where per cents add up to 100 nothing is left over. */
function countsOf(division: Numbers, all: number) {
  const { kind } = division;
  const share = (value: number) => (kind === 'percent' ? Math.round((value * all) / 100) : value);
  const test = share(division.test);
  const first = division.train + (division.validation ?? 0);
  const rest = kind === 'percent' && first + division.test === 100 ? all - test : share(first);
  const validation = division.validation === undefined ? validationOf(rest) : share(division.validation);
  return { train: rest - validation, validation, test };
}

function divideByBackground(classes: readonly PlacedClass[], seed: number, isOmniglot: boolean): DividedClasses {
  if (!isOmniglot) {
    throw new UserError(`The split ${background} is for Omniglot, a folder with its two sets of images.`);
  }
  const inPart = (part: string) => classes.filter(({ parts }) => parts.has(part));
  const test = inPart(omniglotParts.evaluation).map(({ name }) => name);
  return { split: background, test: test.sort(), ...withValidation(inPart(omniglotParts.background), seed) };
}

/** The parts of the dataset, as they are. */
function divideByParts(classes: readonly PlacedClass[], seed: number): DividedClasses {
  const torn = classes.find(({ parts }) => parts.size > 1);
  if (torn) {
    throw new UserError(
      `The class ${torn.name} is in ${[...torn.parts.keys()].join(' and ')}, and episodes to test on are of classes ` +
        'that were not trained on. Give a split by numbers, as 60/20/20%, which keeps the images of a class together.',
    );
  }
  const on = (side: Split) => classes.filter(({ parts }) => [...parts.values()][0] === side);
  const names = (side: Split) =>
    on(side)
      .map(({ name }) => name)
      .sort();
  if (on('test').length === 0) {
    throw new UserError(
      'The dataset has parts, but none with classes to test on. Add a folder test, or give a split by numbers, as ' +
        '60/20/20%.',
    );
  }
  const others =
    on('validation').length > 0
      ? { train: names('train'), validation: names('validation') }
      : withValidation(on('train'), seed);
  return { split: 'auto', test: names('test'), ...others };
}

/** Takes classes to validate from those to train on. */
function withValidation(classes: readonly PlacedClass[], seed: number) {
  const ranked = ranking(classes, seed);
  const count = validationOf(ranked.length);
  return { validation: ranked.slice(0, count).sort(), train: ranked.slice(count).sort() };
}

function validationOf(train: number): number {
  return Math.max(1, Math.round(train * validationShare));
}

/** Names in seeded order, each for itself, so that a class that is added moves few others. */
function ranking(classes: readonly PlacedClass[], seed: number): string[] {
  const names = classes.map(({ name }) => name);
  return rankBySeed(names, seed, 'classes', (name) => name);
}
