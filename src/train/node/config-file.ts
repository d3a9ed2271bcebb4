import { parseShallowJson } from '../../base/shallow-json.ts';
import { longestOwnJson } from '../../files/own-json.ts';
import { readBytes } from '../../files/read.ts';
import { type ConfigTable, parseConfigText, trainTable } from '../config/text.ts';
import { type Run, type RunKind, type RunRecord, readRunFileOf, trainingRuns } from './run-file.ts';

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
  const bytes = await readBytes(path, { most: longestOwnJson });
  if (!isRun(bytes)) return { values: parseConfigText(bytes.toString('utf8'), path, table), run: null };
  const run = await readRunFileOf(path, kind);
  return { values: { ...run.config, threads: run.threads }, run };
}

/** A configuration has no version. */
function isRun(bytes: Uint8Array): boolean {
  try {
    return 'graft' in parseShallowJson(bytes, 100, '');
  } catch {
    return false;
  }
}
