import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { type ConfigTable, parseConfigText, trainTable } from '../config/text.ts';
import { type Run, type RunKind, type RunRecord, readRunFileOf, trainingRuns } from './run-file.ts';

/** In bytes. What is left out of a large folder makes a `run.json` long. */
const longest = 50_000_000;

export interface ConfigFile<R extends RunRecord = Run> {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where the file is a run's `run.json`. */
  readonly run: R | null;
}

/**
 * The options of a configuration, YAML or JSON, or of an earlier run, then with the number of threads it had, on which the
 * last bits depend.
 *
 * @throws UserError with the file and, for a configuration, the line
 */
export function readConfigFile(path: string, table: ConfigTable = trainTable): Promise<ConfigFile> {
  return readConfigFileOf(path, table, trainingRuns);
}

/** The same for runs of any kind. */
export async function readConfigFileOf<R extends RunRecord>(
  path: string,
  table: ConfigTable,
  kind: RunKind<R>,
): Promise<ConfigFile<R>> {
  const text = await readText(path);
  if (!isRun(text)) return { values: parseConfigText(text, path, table), run: null };
  const run = await readRunFileOf(path, kind);
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
