import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';

/** A split: training, validation or test. */
export type Split = 'train' | 'validation' | 'test';

/** The root of a dataset, or its part for one split. */
export interface Part {
  /** The name below the root; '' for the root itself. */
  readonly name: string;
  readonly folder: string;
  readonly split: Split | undefined;
  /** Folders in it that are parts of their own. */
  readonly without?: readonly string[];
}

/** The layouts that are understood, for messages. */
export const expectedLayouts =
  '<folder>/<class>/*.jpg or <folder>/{train,val,test}/<class>/*.jpg (also png, webp, gif, avif, tiff, bmp)';

/** The usual names of splits, in any case. */
const splitNames: ReadonlyMap<string, Split> = new Map([
  ...['train', 'training', 'trn'].map((name) => [name, 'train'] as const),
  ...['val', 'valid', 'validation', 'validate', 'dev', 'eval', 'evaluation'].map(
    (name) => [name, 'validation'] as const,
  ),
  ...['test', 'testing', 'tst'].map((name) => [name, 'test'] as const),
]);

/** Names that mean the validation part, or the test part beside another that means the validation part. */
const evaluationNames: ReadonlySet<string> = new Set(['eval', 'evaluation']);

export interface LayoutOptions {
  readonly parts?: PartsChoice | undefined;
  /** Whether there must be a training part. When an existing run is evaluated there may be `test` or `val` alone. */
  readonly needsTrain: boolean;
}

/** The split that goes by this name, in any case. */
export function splitNamed(name: string): Split | undefined {
  return splitNames.get(name.toLowerCase());
}

/** The splits of names that stand beside each other: of `validation` and `evaluation` the second is for testing. */
export function splitsNamed(names: readonly string[]): (Split | undefined)[] {
  const isDoubtful = (name: string) => evaluationNames.has(name.toLowerCase());
  const splits = names.map(splitNamed);
  const hasOther = names.some((name, i) => splits[i] === 'validation' && !isDoubtful(name));
  return splits.map((split, i) => (hasOther && isDoubtful(names[i]!) ? 'test' : split));
}

/**
 * The parts of a root with these folders: itself, unless all its folders are called like splits, in any case.
 *
 * @throws UserError where its layout can be read in two ways, and `parts` does not say which
 */
export function findParts(root: string, folders: readonly string[], { parts, needsTrain }: LayoutOptions): Part[] {
  const splits = splitsNamed(folders);
  const all = folders.map((name, i): Part => ({ name, folder: join(root, name), split: splits[i] }));
  const named = all.filter(({ split }) => split !== undefined);
  const others = all.filter(({ split }) => split === undefined);
  if (parts === 'none' || named.length === 0) return [{ name: '', folder: root, split: undefined }];

  const list = (some: readonly Part[]) => some.map(({ name }) => name).join(', ');
  const refuse = (problem: string) => new UserError(`In ${root} ${problem}`);
  const hasTrain = named.some(({ split }) => split === 'train');
  if (others.length > 0 && parts !== 'named') {
    const asParts = hasTrain
      ? `the images are in ${list(named)}, and ${list(others)} is no part of the dataset: ${option('parts', 'named')}`
      : `${list(others)} are classes to train on, and ${list(named)} is kept for ${named.map(({ split }) => split).join(' and ')}: ${option('parts', 'named')}`;
    throw refuse(
      `some folders are splits (${list(named)}) and some are not (${list(others)}), which can be read in two ways. ` +
        `As parts: ${asParts}. As classes: ${list(all)} are ${all.length} classes: ${option('parts', 'none')}. Say which, or move one kind elsewhere.`,
    );
  }
  if (new Set(named.map(({ split }) => split)).size < named.length) {
    throw refuse(
      `two folders are the same split (${list(named)}). Merge them; or, if every folder is a class, pass ${option('parts', 'none')}.`,
    );
  }
  if (hasTrain) return named;
  if (others.length > 0) {
    const without = named.map(({ name }) => name);
    return [{ name: '', folder: root, split: 'train', without }, ...named];
  }
  if (needsTrain) {
    throw refuse(
      `there is ${list(named)}, but no train. Add <folder>/train; or, if every folder is a class, pass ${option('parts', 'none')}. Expected ${expectedLayouts}.`,
    );
  }
  return named;
}
