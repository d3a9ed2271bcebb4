import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Database } from 'libsql';
import type { z } from 'zod';
import { assertOwnJournal, openDatabase, openFile, readWhole } from '../files/database.ts';

/** The name of a study's file in its folder. */
export const studyFile = 'study.db';

/** Values that SQLite takes. */
export type SqlValue = string | number | null;

/** Opens a study's file for writing; it is made where there is none. @throws UserError as `openDatabase` */
export function openForWriting(folder: string): Promise<Database> {
  return openDatabase(join(folder, studyFile));
}

/**
 * Reads a study's file that somebody else may have made, or is writing: `read` gets a private copy of it, with the
 * journal that a killed process has left, so that nothing in the folder is changed or followed.
 *
 * @throws UserError where there is none, it is larger than it may be, or damaged
 */
export async function readCopy<T>(folder: string, read: (rows: Rows) => T): Promise<T> {
  const path = join(folder, studyFile);
  const { content, journal } = await readConsistently(path);
  const copy = mkdtempSync(join(tmpdir(), 'graft-study-'));
  try {
    const file = join(copy, studyFile);
    writeFileSync(file, content, { mode: 0o600 });
    if (journal) writeFileSync(`${file}-journal`, journal, { mode: 0o600 });
    const database = await openFile(file);
    try {
      assertTables(database, path);
      return read(rowsOf(database, path));
    } finally {
      database.close();
    }
  } catch (error) {
    throw isSqlError(error) ? damaged(path, error.message) : error;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Reads the rows of a query, each checked by a schema. */
export type Rows = <T>(schema: z.ZodType<T>, sql: string, ...values: SqlValue[]) => T[];

/** The rows of a database, no more than a study can have. @throws UserError where one is not what it should be */
export function rowsOf(database: Database, path: string): Rows {
  return (schema, sql, ...values) => {
    const found = database.prepare(`${sql} LIMIT ${mostRows + 1}`).all(...values);
    if (found.length > mostRows) throw damaged(path, `it has more than ${mostRows} rows of one kind`);
    return found.map((row) => {
      const parsed = schema.safeParse(row);
      if (parsed.success) return parsed.data;
      throw damaged(path, parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
    });
  };
}

/** 100,000 trials with ten values each. */
const mostRows = 1_000_000;

export function damaged(path: string, reason: string): UserError {
  return new UserError(`${path} is not a study of Graft’s, or it is damaged: ${reason}.`);
}

function isSqlError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_');
}

/** A view or a generated column computes when it is read, for as long as its maker likes; a plain table does not. */
function assertTables(database: Database, path: string): void {
  const objects = database.prepare('SELECT type, name, sql FROM sqlite_master LIMIT 1000').all() as {
    type: unknown;
    sql: unknown;
  }[];
  for (const { type, sql } of objects) {
    const isPlain = type === 'index' || (type === 'table' && !/\bVIRTUAL\b|\bGENERATED\b|\bAS\s*\(/i.test(String(sql)));
    if (!isPlain) throw damaged(path, 'it holds more than plain tables');
  }
}

/** The content of the file, and of its journal where a transaction has not ended. */
async function readConsistently(path: string): Promise<{ content: Buffer; journal: Buffer | null }> {
  const journalPath = `${path}-journal`;
  for (let attempt = 0; ; attempt++) {
    const before = readJournal(journalPath);
    const content = readWhole(path);
    if (content === null) throw new UserError(`There is no study in ${path}.`);
    const after = readJournal(journalPath);
    const isQuiet = before === null && after === null && changesOf(content) === changesOf(readWhole(path, 100));
    if (isQuiet) return { content, journal: null };
    // A transaction takes milliseconds: a journal that stays as it is was left by a killed process.
    const isLeft = before !== null && after !== null && before.equals(after);
    if (isLeft && attempt >= 20) {
      assertOwnJournal(journalPath, before);
      return { content, journal: before };
    }
    if (attempt >= 200) throw new UserError(`Cannot read ${path}: it is being written all the time. Try again.`);
    await delay(25);
  }
}

function readJournal(path: string): Buffer | null {
  const content = readWhole(path);
  // One that a transaction has ended has no header any more.
  return content === null || content.length < 8 || content.subarray(0, 8).every((byte) => byte === 0) ? null : content;
}

/** The counter of changes in the header of a database. */
function changesOf(content: Buffer | null): number {
  return content !== null && content.length >= 28 ? content.readUInt32BE(24) : 0;
}
