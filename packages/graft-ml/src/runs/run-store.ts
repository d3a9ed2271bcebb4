import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { readBytes } from '../files/read.ts';
import { appendToFile, makeFolders, replacedBy, replaceFile, truncateFile, wrapWriteErrors } from '../files/write.ts';
import { isRunLog } from './run-logs.ts';

/**
 * The files of a run, by name: all that a run needs of the place where it is kept. `replace` writes a file whole or not at all;
 * the other three change it where it stands.
 *
 * @throws UserError where a file cannot be read or written
 */
export interface RunStore {
  /** What a person knows it by: the run folder. */
  readonly path: string;
  names(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  replace(name: string, content: string | Uint8Array): Promise<void>;
  append(name: string, content: Uint8Array): Promise<void>;
  truncate(name: string, length: number): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The store of a run folder, by its path. */
export type OpenRunStore = (path: string) => RunStore;

/** In bytes: what can be read in one piece. */
const longest = 2 ** 31 - 1;

/** A run in a folder. Nothing in it is followed, and nothing but plain files is read or written: it may have been sent. */
export function openRunStore(path: string): RunStore {
  const change = (name: string, work: (file: string) => Promise<void>) => {
    const file = join(path, name);
    return wrapWriteErrors(file, () => work(file));
  };
  return {
    path,
    names: () => wrapWriteErrors(path, () => readdir(path)),
    read: (name) => readBytes(join(path, name), { most: longest, links: 'refuse' }),
    replace: (name, content) => change(name, (file) => replaceFile(file, content)),
    append: (name, content) => change(name, (file) => appendToFile(file, content)),
    truncate: (name, length) => change(name, (file) => truncateFile(file, length)),
    remove: (name) => change(name, (file) => rm(file)),
  };
}

/** Makes the folder of a new run. @throws UserError where that cannot be */
export async function makeRunFolder(path: string): Promise<void> {
  await wrapWriteErrors(path, () => makeFolders(path));
}

/** Where a run keeps the ONNX file that is its model. */
export const onnxFile = 'architecture.onnx';

/** A run's own copy of its model, as `openBackbone` takes it. */
export function ownOnnx(path: string, { onnxSha256 }: { readonly onnxSha256: string | null }) {
  return { path: join(path, onnxFile), sha256: onnxSha256 };
}

const runFiles: ReadonlySet<string> = new Set(['run.json', 'best.safetensors', 'last.safetensors', onnxFile]);

/** Of a run: what a new one in its place removes. */
export function isRunFile(name: string): boolean {
  return runFiles.has(name) || isRunLog(name) || isLeftover(name);
}

/** What a write leaves when the process is killed in it. */
export function isLeftover(name: string): boolean {
  return runFiles.has(replacedBy(name) ?? '');
}

/** Folders in a run's, which are runs themselves or its lock, and what stands beside the runs that belong together. */
const beside = /^(run\.lock(\..*)?|scratch|fold-\d+|folds\.json|compare\.(json|md|svg))$/;

/** Whether Graft reads or writes what has this name in a run folder. */
export function isOfRun(name: string): boolean {
  return isRunFile(name) || beside.test(name);
}

/**
 * A run folder may have been sent by someone who would like a file elsewhere to be read or overwritten.
 * @param runs other names of runs in it
 * @throws UserError where something in it that Graft reads or writes is neither a file nor a folder
 */
export async function assertNoLinks(path: string, runs: readonly string[] = []): Promise<void> {
  const names = await readdir(path).catch(() => []); // that there is no such folder is another's to say
  for (const name of names) {
    if (!isOfRun(name) && !runs.includes(name)) continue;
    const status = await lstat(join(path, name)).catch(() => null);
    if (status === null || status.isFile() || status.isDirectory()) continue;
    const what = status.isSymbolicLink() ? 'a link' : 'a FIFO, device or socket';
    throw new UserError(
      `${join(path, name)} is ${what}. A run holds only files and folders; it may have been made to read or overwrite something else. ` +
        'Remove it, or put a copy of what it leads to in its place.',
    );
  }
}
