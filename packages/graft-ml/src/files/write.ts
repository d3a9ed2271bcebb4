import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { assertNoLink, exists, systemReason } from './read.ts';

/**
 * Writes a file so that a reader finds the old one or the whole new one, never a part, also after a crash or on a full
 * disk: temporary file beside it, fsync, rename. A link at `path` is replaced, not followed, and of another name of the
 * same file nothing changes.
 *
 * @param mode who may read it. Default: who could read the old file, or else what the umask leaves
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode }: { mode?: number } = {},
): Promise<void> {
  const old = await lstat(path).catch(() => null);
  // Nobody can have put anything there before: the name is new, and an existing file is an error.
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      const wanted = mode ?? (old?.isFile() ? old.mode & 0o777 : undefined);
      if (wanted !== undefined) await handle.chmod(wanted);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // what went wrong first is what to say
    throw error;
  }
}

/**
 * Makes a text file that appears when it is complete, however long it grows: `fill` appends to one beside it, which
 * takes the place of `path` at the end and is removed where anything fails.
 *
 * @throws UserError where `path` cannot be written
 */
export async function growFile<T>(
  path: string,
  fill: (append: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  return growBytes(path, async (appendBytes) => {
    let waiting = '';
    const flush = async () => {
      const text = waiting;
      waiting = '';
      await appendBytes(text);
    };
    const result = await fill(async (text) => {
      waiting += text;
      if (waiting.length > bufferedLength) await flush();
    });
    await flush();
    return result;
  });
}

/** The same of a file of bytes, each piece of which is written as it comes. */
export async function growBytes<T>(
  path: string,
  fill: (append: (piece: string | Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const handle = await wrapWriteErrors(path, () => open(temporary, 'wx'));
  try {
    const result = await fill((piece) => wrapWriteErrors(path, () => handle.appendFile(piece)));
    await wrapWriteErrors(path, () => handle.sync());
    await handle.close();
    await wrapWriteErrors(path, () => rename(temporary, path));
    return result;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {}); // what went wrong first is what to say
    throw error;
  }
}

/** The length of the buffer, in characters. */
const bufferedLength = 2 ** 16;

/**
 * Adds to the end of a plain file, which is made where there is none. Links are not followed, and a file that has
 * another name elsewhere is not written to.
 *
 * @throws UserError where it is such a file, or none that can be written
 */
export async function appendToFile(path: string, content: Uint8Array): Promise<void> {
  await changeFile(path, constants.O_APPEND | constants.O_CREAT, (handle) => handle.writeFile(content));
}

/** Cuts a plain file, as `appendToFile` opens it. This needs no room on the disk. */
export async function truncateFile(path: string, length: number): Promise<void> {
  await changeFile(path, 0, (handle) => handle.truncate(length));
}

async function changeFile(path: string, how: number, change: (handle: FileHandle) => Promise<void>): Promise<void> {
  const safely = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const opened = assertNoLink(path).then(() => open(path, constants.O_WRONLY | how | safely));
  const handle = await opened.catch((error: NodeJS.ErrnoException) => {
    // The errors of systems for a link, and for a socket or a FIFO without a reader.
    if (error.code === 'ELOOP' || error.code === 'EMLINK')
      throwUnchangeable(path, 'it is a link, and links are not followed');
    if (error.code === 'ENXIO') throwUnchangeable(path, 'it is not an ordinary file');
    throw error;
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throwUnchangeable(path, 'it is not an ordinary file');
    if (status.nlink > 1) {
      throwUnchangeable(
        path,
        'the file has another name elsewhere (a hard link), which would change with it. Make it a copy',
      );
    }
    await change(handle);
  } finally {
    await handle.close();
  }
}

function throwUnchangeable(path: string, reason: string): never {
  throw new UserError(`Cannot write ${path}: ${reason}.`);
}

/**
 * Makes a folder and those above it that are missing. (Node's own `recursive` tries for ever where a parent is there
 * and refuses, as /proc does.)
 */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  let folder = resolve(path);
  for (; !(await exists(folder)) && folder !== dirname(folder); folder = dirname(folder)) missing.unshift(folder);
  if (missing.length === 0 && !(await stat(folder)).isDirectory()) missing.push(folder); // the system says why not
  for (const next of missing) {
    try {
      await mkdir(next, mode);
      if (mode !== undefined) await chmod(next, mode); // the umask may have taken more away
    } catch (error) {
      const isThere =
        (error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(next).catch(() => null))?.isDirectory();
      if (!isThere) throw error;
    }
  }
}

/** Does `work`. @throws UserError with the path where the system refuses: no space, no permission, a file in the way */
export async function wrapWriteErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new UserError(`Cannot write ${path}: ${systemReason(error)}.`, { cause: error });
  }
}

/**
 * Makes a folder that appears when it is complete: `fill` writes into one beside it, which is renamed at the end and
 * removed where anything fails.
 *
 * @throws UserError where `target` is in the way or cannot be written
 */
export async function makeFolder<T>(target: string, fill: (growing: string) => Promise<T>): Promise<T> {
  await assertFree(target);
  const place = resolve(target);
  const growing = join(dirname(place), `.${basename(place)}-${randomUUID()}`);
  try {
    await makeFolders(growing);
    const result = await fill(growing);
    await rmdir(place).catch(() => {}); // an empty folder, if there is one
    await rename(growing, place);
    return result;
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    const isOfSystem = error instanceof Error && 'syscall' in error;
    throw isOfSystem ? new UserError(`Cannot write ${target}: ${systemReason(error)}.`, { cause: error }) : error;
  }
}

/** @throws UserError where something stands at `target` already, but for an empty folder */
export async function assertFree(target: string): Promise<void> {
  const entries = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`Cannot write ${target}: ${systemReason(error)}.`, { cause: error });
  });
  if (entries.length > 0) throw new UserError(`${target} is not empty. Name a new folder.`);
}
