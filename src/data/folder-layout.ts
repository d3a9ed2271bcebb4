import { join } from 'node:path';
import { UserError } from '../base/errors.ts';

/** What the pictures of a folder's part are for. */
export type Split = 'train' | 'validation' | 'test';

/** The root of a data set, or its part for one split. */
export interface Part {
  /** The name below the root; '' for the root itself. */
  readonly name: string;
  readonly folder: string;
  readonly split: Split | undefined;
}

/** The layouts that are understood, for messages. */
export const expectedLayouts =
  '<folder>/<class>/*.jpg or <folder>/{train,val,test}/<class>/*.jpg (also png, webp, gif, avif, tiff, bmp)';

const splitNames: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
]);

/** The split that goes by this name, in any case. */
export function splitNamed(name: string): Split | undefined {
  return splitNames.get(name.toLowerCase());
}

/**
 * The parts of a root with these folders: itself, unless all its folders are called like splits, in any case. One folder called `train` or
 * `test` among others is a class. Without `needsTrain`, when an existing run is evaluated, there may be `test` or `val` alone.
 *
 * @throws UserError where its layout can be read in two ways
 */
export function findParts(root: string, folders: readonly string[], needsTrain: boolean): Part[] {
  const parts = folders.map((name) => ({ name, folder: join(root, name), split: splitNamed(name) }));
  const named = parts.filter(({ split }) => split !== undefined);
  if (named.length === 0 || (named.length === 1 && parts.length > 1))
    return [{ name: '', folder: root, split: undefined }];

  const list = (some: readonly Part[]) => some.map(({ name }) => name).join(', ');
  const refuse = (problem: string) => new UserError(`openDataset: in ${root} ${problem} Expected ${expectedLayouts}.`);
  if (named.length < parts.length) {
    const others = parts.filter(({ split }) => split === undefined);
    throw refuse(
      `some folders are splits (${list(named)}) and some are not (${list(others)}). Move one kind elsewhere.`,
    );
  }
  if (new Set(named.map(({ split }) => split)).size < named.length) {
    throw refuse(`two folders are the same split (${list(named)}). Merge them.`);
  }
  if (needsTrain && !named.some(({ split }) => split === 'train')) {
    throw refuse(`there is ${list(named)}, but no train. Add <folder>/train.`);
  }
  return named;
}
