import { dirname, join } from 'node:path';
import { isJsonObject } from '@graft-ml/core/internal/base/shallow-json';
import {
  kindOfRunIn,
  parseRun,
  type Run,
  type RunKind,
  type RunRecord,
  readRunIn,
  trainingRuns,
} from '@graft-ml/core/internal/runs/run-file';
import { exists, type OpenOptions } from '../files/read.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { withoutTexts } from '../text/options.ts';
import { type OpenRunStore, openRunStore } from './run-store.ts';

/** The run in a store. @throws UserError where there is none, or it is not one of ours, or of another kind. */
export function readRunOf<R extends RunRecord>(
  path: string,
  kind: RunKind<R>,
  openStore: OpenRunStore = openRunStore,
): Promise<R> {
  return readRunIn(path, kind, openStore, { hint: hintAt, renew: withoutTextOptions });
}

async function hintAt(path: string): Promise<string | undefined> {
  if (await isRun(dirname(path))) return `It is a file of the run ${dirname(path)}: name that folder.`;
  return (await exists(path)) ? 'Name the folder that a run was written to.' : undefined;
}

/** Version 0.1 wrote some options as texts. */
function withoutTextOptions(content: object): object {
  return 'config' in content && isJsonObject(content.config)
    ? { ...content, config: withoutTexts(content.config) }
    : content;
}

/** The kind of the run in a store. `train` where there is none: who opens it says what is wrong. */
export function kindOfRun(path: string, openStore: OpenRunStore = openRunStore): Promise<'train' | 'meta'> {
  return kindOfRunIn(path, openStore);
}

/** Whether a run stands in a folder. */
export function isRun(path: string): Promise<boolean> {
  return exists(join(path, 'run.json'));
}

/** The training run in a store. @throws UserError as `readRunOf` */
export function readRun(path: string, openStore?: OpenRunStore): Promise<Run> {
  return readRunOf(path, trainingRuns, openStore);
}

/**
 * Reads a `run.json`. @throws UserError where it cannot be read, is not one of ours, or of another kind.
 * @param options `run` is what to call the run that it is of
 */
export async function readRunFileOf<R extends RunRecord>(
  file: string,
  kind: RunKind<R>,
  { run = file, ...options }: OpenOptions & { run?: string } = {},
): Promise<R> {
  return parseRun(withoutTextOptions(await readOwnJson(file, options)), kind, { file, run });
}
