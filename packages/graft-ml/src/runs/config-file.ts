import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson } from '@graft-ml/core/internal/base/own-json';
import { parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { isWeightsFile, type PathRecord } from '@graft-ml/core/internal/runs/named-paths';
import { type Run, type RunKind, type RunRecord, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { readBytes } from '../files/read.ts';
import { type ConfigTable, parseConfigText, trainTable } from '../text/config-text.ts';
import { areOwnPaths } from './own-paths.ts';
import { readRunFileOf } from './read-run.ts';

export interface ConfigFile<R extends RunRecord = Run> {
  readonly values: Readonly<Record<string, unknown>>;
  /** The run, where the file is a `run.json`. */
  readonly run: R | null;
  /** The dataset of the run, where the file is one and this user named it. */
  readonly folder: string | null;
}

/**
 * The options of a configuration, YAML or JSON, or of an earlier run, then with the number of threads it had, on which
 * the last bits depend.
 *
 * @param given options that are given besides, and come first; null where nothing that the file names is opened
 * @throws UserError with the file and, for a configuration, the line
 */
export function readConfigFile(
  path: string,
  table: ConfigTable = trainTable,
  given: readonly string[] | null = null,
): Promise<ConfigFile> {
  return readConfigFileOf(path, table, trainingRuns, given);
}

/** The same for runs of any kind. */
export async function readConfigFileOf<R extends RunRecord>(
  path: string,
  table: ConfigTable,
  kind: RunKind<R>,
  given: readonly string[] | null = null,
): Promise<ConfigFile<R>> {
  const bytes = await readBytes(path, { most: longestOwnJson });
  if (!isRun(bytes)) return { values: parseConfigText(bytes.toString('utf8'), path, table), run: null, folder: null };
  const run = await readRunFileOf(path, kind);
  const isOwn = await areOwnPaths(run);
  if (!isOwn && given !== null) assertNoForeignFiles(path, run, given);
  return { values: { ...run.config, threads: run.threads }, run, folder: isOwn ? run.folder : null };
}

/** @throws UserError where the run was sent, and names files that are not named anew */
function assertNoForeignFiles(
  path: string,
  { config: { model, weights } }: PathRecord,
  given: readonly string[],
): void {
  const files = [
    ...(model !== null && isOnnx(model) ? [['model', model] as const] : []),
    ...(isWeightsFile(weights, model) ? [['weights', weights] as const] : []),
  ];
  const foreign = files.find(([option]) => !given.includes(option));
  if (foreign === undefined) return;
  throw new UserError(
    `${path} is of a run that was not made by you on this machine (or by a version of Graft before 0.2), so that ` +
      `files it names are not opened unasked. Pass ${option(foreign[0])}; it says ${foreign[1]}.`,
  );
}

/** A configuration has no version. */
function isRun(bytes: Uint8Array): boolean {
  try {
    return 'graft' in parseShallowJson(bytes, 100, '');
  } catch {
    return false;
  }
}
