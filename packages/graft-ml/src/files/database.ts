import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Database } from 'libsql';
import { systemReason } from './read.ts';

/*
 * Databases in one file, by SQLite (libsql). A file may have been sent by somebody, like all of a run's: it is opened
 * only where neither it nor the journal beside it leads SQLite to another file.
 */

/** The largest file that is read, in bytes. A thousand trials of a hundred epochs make some 10 MB. */
const most = 256 * 2 ** 20;

/** Milliseconds that a write waits for others to finish: Optuna's dashboard reads, and may write notes. */
const busyTimeout = 30_000;

/** Opens a database file. libsql is a native addon of some megabytes, so it is loaded when it is used. */
export async function openFile(path: string): Promise<Database> {
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(path, { timeout: busyTimeout });
  // Nothing in the file, such as a default or an index on an expression, may call functions with side effects.
  database.exec('PRAGMA trusted_schema = OFF');
  return database;
}

/**
 * Opens a database for writing; it is made where there is none. Each transaction is on the disk when it ends: the
 * journal is a file beside it, so that copying the file copies all of it, and whoever reads meanwhile is waited for.
 *
 * @throws UserError where what stands there is no plain file, or none of ours
 */
export async function openDatabase(path: string): Promise<Database> {
  assertPlain(path);
  const journal = `${path}-journal`;
  const left = assertPlain(journal) ? readWhole(journal) : null;
  if (left) assertOwnJournal(journal, left);
  const header = readWhole(path, 100);
  // In its other mode SQLite would write to two further files, which may be links.
  if (header && header.length > 0 && (header[18] !== 1 || header[19] !== 1)) {
    throw new UserError(`${path} is damaged, or not Graft’s: it is no SQLite database with a rollback journal.`);
  }
  const database = await openFile(path);
  database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  return database;
}

/** The magic number of SQLite's journals. At the end of one it says that the name of another file comes before it. */
const magic = Buffer.from('d9d505f920a163d7', 'hex');

/** @throws UserError for a journal that names another file, which SQLite would remove. None of ours does */
export function assertOwnJournal(path: string, content: Buffer): void {
  if (content.length >= 16 && content.subarray(-8).equals(magic)) {
    throw new UserError(`${path} names another file to be removed, which no journal of Graft’s does. Remove it.`);
  }
}

/** Whether there is a plain file. @throws UserError where there is something else, or a file of another name too */
function assertPlain(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status) return false;
  if (!status.isFile()) throw new UserError(`${path} is not an ordinary file, and links are not followed here.`);
  if (status.nlink > 1) throw new UserError(`${path} has another name elsewhere (a hard link). Make it a copy.`);
  return true;
}

/**
 * The content of a plain file; null where there is none. All in one go: between two calls of this process's own, closing
 * a file would give up the locks that SQLite holds on it.
 */
export function readWhole(path: string, length = most): Buffer | null {
  let descriptor: number;
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('it is not an ordinary file');
    const safely = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    descriptor = openSync(path, constants.O_RDONLY | safely);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UserError(`Cannot read ${path}: ${systemReason(error as Error)}.`, { cause: error });
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new UserError(`Cannot read ${path}: it is not an ordinary file.`);
    if (status.size > most)
      throw new UserError(`Cannot read ${path}: it has ${status.size} bytes, at most ${most} are read.`);
    const content = Buffer.allocUnsafe(Math.min(status.size, length));
    let done = 0;
    for (let read = -1; done < content.length && read !== 0; done += read) {
      read = readSync(descriptor, content, done, content.length - done, done);
    }
    return content.subarray(0, done);
  } finally {
    closeSync(descriptor);
  }
}
