import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { parseConfigText } from '../config/text.ts';
import { type Run, readRunFile } from './run-folder.ts';

/** In bytes. What is left out of a large folder makes a `run.json` long. */
const longest = 50_000_000;

export interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where the file is a run's `run.json`. */
  readonly run: Run | null;
}

/**
 * The options of a configuration, YAML or JSON, or of an earlier run, then with the number of threads it had, on which the
 * last bits depend.
 *
 * @throws UserError with the file and, for a configuration, the line
 */
export async function readConfigFile(path: string, schema?: z.ZodObject): Promise<ConfigFile> {
  const text = await readText(path);
  if (!isRun(text)) return { values: parseConfigText(text, path, schema), run: null };
  const run = await readRunFile(path);
  return { values: { ...run.config, threads: run.threads }, run };
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > longest) throw new Error('it is too long for a configuration');
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  }
}

/** A configuration has no version. */
function isRun(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'graft' in value;
  } catch {
    return false;
  }
}
