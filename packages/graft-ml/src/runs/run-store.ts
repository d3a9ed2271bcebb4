import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore, RunStore } from '@graft-ml/core/internal/fit/run-store';
import type { OwnOnnx } from '../checkpoint/backbone.ts';
import { withFile } from '../files/random-access.ts';
import { exists, failToRead, readBytes } from '../files/read.ts';
import { appendToFile, makeFolders, replacedBy, replaceFile, truncateFile, wrapWriteErrors } from '../files/write.ts';
import { assertNotLocked, lockRun } from './run-lock.ts';
import { isRunLog } from './run-logs.ts';

export type { OpenRunStore, RunStore } from '@graft-ml/core/internal/fit/run-store';

/**
 * A run in a folder. Nothing in it is followed, and nothing but plain files is read or written: it may have been sent.
 */
export function openRunStore(path: string): RunStore {
  const change = (name: string, work: (file: string) => Promise<void>) => {
    const file = join(path, name);
    return wrapWriteErrors(file, () => work(file));
  };
  return {
    path,
    names: () =>
      readdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
        return failToRead(path, error);
      }),
    read: (name, most) => readRunFile(join(path, name), most),
    replace: (name, content) => change(name, (file) => replaceFile(file, content)),
    append: (name, content) => change(name, (file) => appendToFile(file, content)),
    truncate: (name, length) => change(name, (file) => truncateFile(file, length)),
    remove: (name) => change(name, (file) => rm(file)),
    removeAll: () => wrapWriteErrors(path, () => rm(path, { recursive: true })),
    inspect: (runs) => assertNoLinks(path, runs),
    assertWritable: () => assertWritable(path),
    make: () => wrapWriteErrors(path, () => makeFolders(path)),
    lock: () => lockRun(path),
  };
}

/** Without a bound a checkpoint may be longer than one read can be. */
function readRunFile(path: string, most: number | undefined): Promise<Uint8Array> {
  if (most !== undefined) return readBytes(path, { most, links: 'refuse' });
  return withFile(path, (file) => file.read(0, file.size), { links: 'refuse' });
}

/** @throws UserError where no run can be written at `path` */
async function assertWritable(path: string): Promise<void> {
  let folder = resolve(path);
  while (!(await exists(folder)) && folder !== dirname(folder)) folder = dirname(folder);
  if (!(await stat(folder)).isDirectory()) {
    throw new UserError(`A run is a folder, and ${folder} is a file. Choose another ${option('out')} than ${path}.`);
  }
  await assertNotLocked(path);
  // Permissions don't tell all: root may write anywhere but on a disk that is read-only, or into /proc.
  const trial = join(folder, `.${randomUUID()}`);
  await wrapWriteErrors(path, async () => {
    await mkdir(trial);
    await rmdir(trial);
  });
}

/** The name of the ONNX file that is a run's model. */
export const onnxFile = 'architecture.onnx';

/** A run's own copy of its model, as `openBackbone` takes it. */
export function ownOnnx(
  path: string,
  { onnxSha256 }: { readonly onnxSha256: string | null },
  openStore: OpenRunStore = openRunStore,
): OwnOnnx {
  return { path: join(path, onnxFile), sha256: onnxSha256, read: () => openStore(path).read(onnxFile) };
}

/** The learning curves of a run, drawn when it ends. */
export const curvesFile = 'curves.svg';

/** The map of a run's images in feature space. */
export const embeddingFile = 'embedding.safetensors';

/** The labels among a run's images that are probably wrong. */
export const labelIssuesFile = 'label-issues.json';

/** The time and memory that a run took, by phase. */
export const resourcesFile = 'resources.json';

/** What `writeReport` makes of a run. */
export const reportFile = 'report.html';

const runFiles: ReadonlySet<string> = new Set([
  'run.json',
  'best.safetensors',
  'last.safetensors',
  onnxFile,
  curvesFile,
  embeddingFile,
  labelIssuesFile,
  resourcesFile,
  reportFile,
]);

/** Whether a file is a run's, so that a new run in its place removes it. */
export function isRunFile(name: string): boolean {
  return runFiles.has(name) || isRunLog(name) || isLeftover(name);
}

/** Whether a file is left by a write whose process was killed. */
export function isLeftover(name: string): boolean {
  return runFiles.has(replacedBy(name) ?? '');
}

/** The lock of a run, runs inside it, and the summaries of runs that belong together. */
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
async function assertNoLinks(path: string, runs: readonly string[] = []): Promise<void> {
  const names = await readdir(path).catch(() => []); // that there is no such folder is another's to say
  for (const name of names) {
    if (!isOfRun(name) && !runs.includes(name)) continue;
    const status = await lstat(join(path, name)).catch(() => null);
    if (status === null || status.isFile() || status.isDirectory()) continue;
    const what = status.isSymbolicLink() ? 'a link' : 'a FIFO, device or socket';
    throw new UserError(
      `${join(path, name)} is ${what}. A run holds only files and folders; it may have been made to read or ` +
        'overwrite something else. Remove it, or put a copy of what it leads to in its place.',
    );
  }
}
