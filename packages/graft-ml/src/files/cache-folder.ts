import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Cache } from '@graft-ml/core/internal/fit/cache';
import { assertNoLink, isTrustedOwner, type OpenOptions } from './read.ts';
import { makeFolders } from './write.ts';

/** A cache on disk. Downloads and what was unpacked are files in it, too. */
export interface FolderCache extends Cache {
  readonly folder: string;
}

/** The folder of the cache, unless a program says otherwise: `GRAFT_CACHE`, or `graft` in the user's cache folder. */
export function defaultCacheFolder(): string {
  return process.env.GRAFT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'graft');
}

/**
 * The precautions for opening files in the cache: someone else who can write there could have put them there, or a link
 * to something.
 */
export const cached = { links: 'refuse', owner: 'user' } as const satisfies OpenOptions;

/** The modes of files and folders in the cache: only the user may read them or add to them, whatever the umask is. */
export const privateMode = { file: 0o600, folder: 0o700 } as const;

/**
 * A folder in the cache at `root`, made where it is missing, which nobody but the user can write to or look into. The
 * cache itself may be a link, or a folder that several users share; what is in it may not.
 *
 * @throws UserError where a level of it is no folder, a link, or belongs to someone else
 */
export async function privateFolder(root: string, ...levels: readonly string[]): Promise<string> {
  await makeFolders(root, privateMode.folder);
  let folder = root;
  for (const level of levels) {
    folder = join(folder, level);
    await mkdir(folder, privateMode.folder).catch(async (error: NodeJS.ErrnoException) => {
      // In a read-only cache this is the error, whether or not the folder exists.
      if (error.code !== 'EEXIST' && !(await lstat(folder).catch(() => null))) throw error;
    });
    const status = await lstat(folder);
    const problem = status.isSymbolicLink()
      ? 'it is a link, and links in the cache are not followed'
      : status.isDirectory()
        ? isTrustedOwner(status)
          ? undefined
          : 'it belongs to another user'
        : 'it is not a folder';
    if (problem !== undefined) {
      throw new UserError(`${folder} is not used: ${problem}. Remove it, or name another cache in GRAFT_CACHE.`);
    }
    const isOwn = status.uid === process.getuid?.();
    if (isOwn && (status.mode & 0o777) !== privateMode.folder) await chmod(folder, privateMode.folder);
  }
  return folder;
}

/**
 * Opens a new file for writing that only its user can read. Whatever stood there, a link or FIFO too, is removed and
 * not written to.
 */
export async function createPrivateFile(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, privateMode.file);
  try {
    await handle.chmod(privateMode.file);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Opens a file of the cache to write on in it. @throws UserError where it is a link, has another name elsewhere, or is
 * another user's
 */
export async function openPrivateFile(path: string): Promise<FileHandle> {
  await assertNoLink(path);
  const handle = await open(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  const status = await handle.stat();
  if (status.isFile() && status.nlink === 1 && isTrustedOwner(status)) return handle;
  await handle.close();
  throw new UserError(`${path} is not a file of this user's alone.`);
}
