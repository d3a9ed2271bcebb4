import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { UserError } from '../base/errors.ts';

/**
 * Writes a file so that a reader finds the old one or the whole new one, never a part, also after a crash or on a full disk:
 * temporary file beside it, fsync, rename.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  // write-file-atomic makes one write call and doesn't look at how much it wrote, so that a disk that fills up would leave a cut
  // file under the final name. Writing at this point loops until all is written, and throws before the rename.
  const tmpfileCreated = (temporary: string) => writeFile(temporary, content);
  await writeFileAtomic(path, '', { tmpfileCreated, fsync: true });
}

/** Does `work`. @throws UserError with the path where the system refuses: no space, no permission, a file in the way */
export async function wrapWriteErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new UserError(`Cannot write ${path}: ${error.message}.`, { cause: error });
  }
}

/**
 * Makes a folder that appears when it is complete: `fill` writes into one beside it, which is renamed at the end and removed
 * where anything fails.
 *
 * @throws UserError where `target` is in the way or cannot be written
 */
export async function makeFolder<T>(target: string, fill: (growing: string) => Promise<T>): Promise<T> {
  await assertFree(target);
  const place = resolve(target);
  const growing = join(dirname(place), `.${basename(place)}-${randomUUID()}`);
  try {
    await mkdir(growing, { recursive: true });
    const result = await fill(growing);
    await rmdir(place).catch(() => {}); // an empty folder, if there is one
    await rename(growing, place);
    return result;
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    const { syscall, message } = error as NodeJS.ErrnoException;
    throw syscall ? new UserError(`${target} cannot be written: ${message}.`, { cause: error }) : error;
  }
}

/** @throws UserError where something stands at `target` already, but for an empty folder */
export async function assertFree(target: string): Promise<void> {
  const entries = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`${target} is not a folder that can be written: ${error.message}.`);
  });
  if (entries.length > 0) throw new UserError(`${target} is not empty. Name a new folder.`);
}
