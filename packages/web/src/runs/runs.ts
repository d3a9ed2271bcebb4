import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { kindOfRunIn } from '@graft-ml/core/internal/runs/run-file';
import { isRunFile } from '@graft-ml/core/internal/runs/run-files';
import { privateRuns } from './private-runs.ts';

export interface RunFilesOptions {
  /** Opens the stores of runs. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
}

/** The paths of the runs in a folder. @param folder default: `runs` */
export async function listRuns(
  folder = 'runs',
  { openStore = privateRuns() }: RunFilesOptions = {},
): Promise<string[]> {
  const names = (await openStore(folder).names()).sort();
  const paths = names.map((name) => `${folder}/${name}`);
  const isRun = await Promise.all(paths.map(async (path) => (await openStore(path).names()).includes('run.json')));
  return paths.filter((_, i) => isRun[i]);
}

/**
 * The files of a run, by name: what a folder on a disk needs to hold for `graft predict`, `graft evaluate` and
 * `graft train --resume`.
 * @throws UserError where there is no run
 */
export async function readRunFiles(
  path: string,
  { openStore = privateRuns() }: RunFilesOptions = {},
): Promise<Map<string, Uint8Array>> {
  const store = openStore(path);
  const names = (await store.names()).filter(isRunFile).sort();
  if (!names.includes('run.json')) throw new UserError(`${path} is not a run: it has no run.json.`);
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, await store.read(name));
  return files;
}

/**
 * Keeps the files of a run that was made elsewhere, by name; what no run has is passed over.
 * @throws UserError where they are no run, or there is one at that place
 */
export async function writeRunFiles(
  path: string,
  files: Iterable<readonly [name: string, content: Uint8Array]>,
  { openStore = privateRuns() }: RunFilesOptions = {},
): Promise<void> {
  const own = new Map([...files].filter(([name]) => isRunFile(name)));
  const run = own.get('run.json');
  if (run === undefined) throw new UserError(`${path}: the files are no run: there is no run.json among them.`);
  const store = openStore(path);
  if ((await store.names()).includes('run.json'))
    throw new UserError(`${path} already holds a run. Choose another name.`);
  await store.make();
  const lock = await store.lock();
  try {
    own.delete('run.json');
    for (const [name, content] of own) await store.replace(name, content);
    await store.replace('run.json', run); // last of all: a folder without one is no run
  } finally {
    await lock.release();
  }
  await kindOfRunIn(path, openStore);
}

/** Removes a run with all that is in it. @throws UserError where it is being trained */
export async function removeRun(path: string, { openStore = privateRuns() }: RunFilesOptions = {}): Promise<void> {
  const store = openStore(path);
  await store.assertWritable();
  await store.removeAll();
}
