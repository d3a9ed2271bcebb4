import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';

/** What the pictures of a folder's part are for. */
export type Split = 'train' | 'validation' | 'test';

/** A folder of class folders: the root itself, or its part for one split. */
export interface Part {
  /** The name below the root; '' for the root itself. */
  readonly name: string;
  readonly folder: string;
  readonly split: Split | undefined;
}

/** The layouts that are understood, for messages. */
export const expectedLayouts =
  '<folder>/<class>/*.jpg or <folder>/{train,val,test}/<class>/*.jpg (also png, webp, gif, avif)';

const splitNames: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
]);

/**
 * The parts of a folder: itself, unless all its folders are called like splits, in any case. One folder called `train` or
 * `test` among others is a class. Without `needsTrain`, when an existing run is evaluated, there may be `test` or `val` alone.
 *
 * @throws UserError where the folder cannot be opened or its layout can be read in two ways
 */
export async function findParts(root: string, needsTrain: boolean): Promise<Part[]> {
  const parts = (await folderNames(root)).map((name) => {
    return { name, folder: join(root, name), split: splitNames.get(name.toLowerCase()) };
  });
  const named = parts.filter(({ split }) => split !== undefined);
  if (named.length === 0 || (named.length === 1 && parts.length > 1))
    return [{ name: '', folder: root, split: undefined }];

  const list = (some: readonly Part[]) => some.map(({ name }) => name).join(', ');
  const refuse = (problem: string) =>
    new UserError(`openImageFolder: in ${root} ${problem} Expected ${expectedLayouts}.`);
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

/** The visible folders in `root`, in code unit order. */
async function folderNames(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', ENOTDIR: 'is not a folder' };
    const reason = reasons[error.code ?? ''] ?? `cannot be opened (${error.message})`;
    throw new UserError(`openImageFolder: ${root} ${reason}. Expected ${expectedLayouts}.`);
  });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
}
