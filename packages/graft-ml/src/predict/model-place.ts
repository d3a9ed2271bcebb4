import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { isRun } from '../runs/read-run.ts';

/** A model where a user says that it is: the folder of a run, or an ONNX file. */
export interface ModelPlace {
  readonly kind: 'run' | 'file';
  readonly path: string;
}

/**
 * The model at a path: a run, an ONNX file, or the one ONNX file in a folder that `graft export` wrote or `graft pull`
 * fetched.
 *
 * @throws UserError (by rejection) where there is none, or several
 */
export async function findModel(path: string): Promise<ModelPlace> {
  const status = await stat(path).catch(() => undefined);
  if (!status) throw new UserError(`${path} does not exist. Name the folder of a run, or an .onnx file.`);
  if (!status.isDirectory()) {
    if (isOnnx(path)) return { kind: 'file', path };
    throw new UserError(`${path} is not a model. ${await hintFor(path)}`);
  }
  if (await isRun(path)) return { kind: 'run', path };
  const files = await filesIn(path);
  const networks = files.filter(isOnnx);
  if (networks.length === 1) return { kind: 'file', path: networks[0]! };
  if (networks.length > 1) throw new UserError(`${path} has several ONNX models. Name one: ${networks.join(', ')}.`);
  if (files.some((file) => file.endsWith('.safetensors'))) {
    throw new UserError(
      `${path} has weights and no ONNX model. Name the run that they are of, or export that with \`--format onnx\`.`,
    );
  }
  throw new UserError(`${path} is not a run: it has no run.json. Name the folder that a run was written to.`);
}

async function hintFor(path: string): Promise<string> {
  if (await isRun(dirname(path))) return `It is a file of the run ${dirname(path)}: name that folder.`;
  return 'Name the folder of a run, or an .onnx file that `graft export` wrote.';
}

/** The files of an export: those in its folder, in `onnx/`, and of each model of a Triton repository its versions'. */
async function filesIn(folder: string): Promise<string[]> {
  const namesIn = (path: string) => readdir(path, { withFileTypes: true }).catch(() => []);
  const files: string[] = [];
  for (const entry of await namesIn(folder)) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) files.push(path);
    else if (entry.name === 'onnx') files.push(...(await namesIn(path)).map(({ name }) => join(path, name)));
    else for (const version of await namesIn(path)) files.push(...(await modelOf(join(path, version.name))));
  }
  return files.sort();
}

/** The model of a version in a Triton repository, `NAME/1/model.onnx`. */
async function modelOf(version: string): Promise<string[]> {
  const model = join(version, 'model.onnx');
  const isThere = /^\d+$/.test(basename(version)) && (await stat(model).catch(() => undefined))?.isFile();
  return isThere ? [model] : [];
}
