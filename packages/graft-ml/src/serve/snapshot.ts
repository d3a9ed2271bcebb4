import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import { onnxFile } from '@graft-ml/core/internal/runs/run-files';
import { exists } from '../files/read.ts';
import { findModel, type ModelPlace } from '../predict/model-place.ts';

/**
 * A model's files as they were when it was opened. A process that is started in the place of a lost one opens these, so
 * that all processes run the same numbers, whatever has become of the run since.
 */
export interface Snapshot {
  /** The copy: a folder, or an ONNX file. */
  readonly path: string;
  /** The first digits of the SHA-256 of its weights. */
  readonly version: string;
  remove(): Promise<void>;
}

const weightsFile = checkpointFile('best');
/** The files of a run that predictions need; the last where its model is an ONNX file. */
const runFiles = ['run.json', weightsFile, onnxFile];
const versionDigits = 12;

/** The files of a model, the one with its weights first. */
function modelFiles({ kind, path }: ModelPlace): readonly string[] {
  return kind === 'file' ? [path] : [weightsFile, 'run.json'].map((name) => join(path, name));
}

/** @throws UserError where the model is not there, or there is no room for a copy */
export async function takeSnapshot(place: string): Promise<Snapshot> {
  const { kind, path } = await findModel(place);
  const root = await mkdtemp(join(tmpdir(), 'graft-serve-'));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    const copy = join(root, basename(resolve(path)));
    if (kind === 'file') {
      await copyFile(path, copy);
      return { path: copy, version: await digestOf(copy), remove };
    }
    await mkdir(copy);
    const own = await presentIn(path);
    if (!own.includes(weightsFile))
      throw new UserError(`${path} has no ${weightsFile}: no epoch of it is complete yet.`);
    for (const name of own) await copyFile(join(path, name), join(copy, name));
    return { path: copy, version: await digestOf(join(copy, weightsFile)), remove };
  } catch (error) {
    await remove();
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be copied to ${tmpdir()}: ${(error as Error).message}`, { cause: error });
  }
}

async function presentIn(folder: string): Promise<string[]> {
  const present: string[] = [];
  for (const name of runFiles) if (await exists(join(folder, name))) present.push(name);
  return present;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex').slice(0, versionDigits);
}

/** Changes with a model's files; null while one of them is missing. */
export async function stateOfFiles(place: string): Promise<string | null> {
  try {
    const states = await Promise.all(modelFiles(await findModel(place)).map((file) => stat(file)));
    return states.map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`).join(', ');
  } catch {
    return null;
  }
}
