import { stat } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { folderTree } from '../files/folder-tree.ts';
import { expectedLayouts } from '../folder-layout.ts';
import { readClassFolders } from './class-folders.ts';
import type { Found, ReaderOptions } from './found.ts';

/** What the data set at `path` has, whichever shape it is in. @throws UserError where it is in none that is understood */
export async function findPictures(path: string, options: ReaderOptions): Promise<Found> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${error.message})`;
    throw new UserError(`openDataset: ${path} ${reason}. Expected ${expectedLayouts}.`);
  });
  if (!status.isDirectory()) throw new UserError(`openDataset: ${path} is not a folder. Expected ${expectedLayouts}.`);
  return readClassFolders(folderTree(path), options);
}
