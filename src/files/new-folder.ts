import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';

/**
 * Makes a folder that appears when it is complete: `fill` writes into one beside it, which is renamed at the end and removed
 * where anything fails.
 *
 * @throws UserError where `target` is in the way or cannot be written
 */
export async function makeFolder<T>(target: string, fill: (growing: string) => Promise<T>): Promise<T> {
  await refuseTaken(target);
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
export async function refuseTaken(target: string): Promise<void> {
  const entries = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`${target} is not a folder that can be written: ${error.message}.`);
  });
  if (entries.length > 0) throw new UserError(`${target} is not empty. Name a new folder.`);
}
