import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore, RunStore } from '@graft-ml/core/internal/fit/run-store';
import type { OwnOnnx } from '@graft-ml/core/internal/runs/run-files';
import * as core from '@graft-ml/core/internal/runs/run-files';
import { isOfRun } from '@graft-ml/core/internal/runs/run-files';
import { withFile } from '../files/random-access.ts';
import { exists, failToRead, readBytes } from '../files/read.ts';
import { appendToFile, makeFolders, replaceFile, truncateFile, wrapWriteErrors } from '../files/write.ts';
import { assertNotLocked, lockRun } from './run-lock.ts';

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

/** A run's own copy of its model, as `openBackbone` takes it. */
export function ownOnnx(
  path: string,
  run: { readonly onnxSha256: string | null },
  openStore: OpenRunStore = openRunStore,
): OwnOnnx {
  return core.ownOnnx(path, run, openStore);
}
