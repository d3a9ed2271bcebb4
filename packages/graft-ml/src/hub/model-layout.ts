import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { RemoteFile } from './listing.ts';

/** The numbers of a pulled network, where a repository has several. */
export type PullDtype = 'fp32' | 'fp16' | 'int8';

/** The largest file that is pulled, in bytes: what ONNX can hold in one piece. */
const largestFile = 2 ** 31 - 1;
/** The largest text. */
const largestText = 2 ** 24;

/** The files that may stand beside a model, none of which is run. */
const texts = /^(README\.md|LICENSE(\.md|\.txt)?|config\.json|preprocessor_config\.json|run\.json|config\.pbtxt)$/;
const checkpoints = /^((best|model)\.safetensors|architecture\.onnx)$/;
const network = /^(onnx\/)?model(_[a-z0-9]{1,20})?\.onnx$/;

/** The endings that transformers.js and optimum give the networks of a dtype, the first one first. */
const endings: Readonly<Record<PullDtype, readonly string[]>> = {
  fp32: [''],
  fp16: ['_fp16'],
  int8: ['_quantized', '_int8'],
};

/** The files of a model in a repository. */
export interface ModelFiles {
  readonly files: readonly RemoteFile[];
  /** The file or folder that Graft opens. */
  readonly opens: 'run' | 'network' | 'weights';
  /** The network's file; null for a run and for weights alone. */
  readonly network: string | null;
  /** Files of the repository that are left there. */
  readonly skipped: number;
}

/**
 * Chooses the files to pull by their names: those that a model has, and of several networks the one of the dtype. Since
 * every name is one of a fixed set, no list of a hub leads out of the folder.
 *
 * @throws UserError where there is no model, the choice is not plain, or a file is larger than any of its kind
 */
export function modelFilesIn(repo: string, all: readonly RemoteFile[], dtype: PullDtype | undefined): ModelFiles {
  const isText = ({ path }: RemoteFile) => texts.test(path);
  const beside = all.filter((file) => isText(file) || checkpoints.test(file.path));
  const isRun = ['run.json', 'best.safetensors'].every((path) => beside.some((file) => file.path === path));
  const networks = all.filter(({ path }) => network.test(path));
  const candidates = [...beside, ...networks];
  if (new Set(candidates.map(({ path }) => path)).size < candidates.length) {
    throw new UserError(`${repo} lists a file twice.`);
  }
  const chosen = networks.length === 0 || (isRun && dtype === undefined) ? null : chooseNetwork(repo, networks, dtype);
  const files = [...beside, ...(chosen ? [chosen] : [])];
  const hasWeights = files.some(({ path }) => path === 'model.safetensors');
  if (!isRun && chosen === null && !hasWeights) {
    throw new UserError(
      `${repo} has no model that is pulled: no onnx/model.onnx, model.onnx or model.safetensors, and no run of Graft.`,
    );
  }
  for (const file of files) assertSize(repo, file, isText(file) ? largestText : largestFile);
  const opens = isRun ? 'run' : chosen ? 'network' : 'weights';
  return { files, opens, network: chosen?.path ?? null, skipped: all.length - files.length };
}

function chooseNetwork(repo: string, networks: readonly RemoteFile[], dtype: PullDtype | undefined): RemoteFile {
  const ofDtype = (wanted: PullDtype) =>
    endings[wanted].flatMap((ending) =>
      ['onnx/', ''].flatMap((folder) => networks.filter(({ path }) => path === `${folder}model${ending}.onnx`)),
    )[0];
  const chosen =
    dtype === undefined ? (ofDtype('fp32') ?? (networks.length === 1 ? networks[0] : undefined)) : ofDtype(dtype);
  if (chosen) return chosen;
  const names = networks.map(({ path }) => path).join(', ');
  throw new UserError(
    dtype === undefined
      ? `${repo} has several networks (${names}) and none is the usual one: say which with \`dtype\`.`
      : `${repo} has no network of ${dtype}; it has ${names}.`,
  );
}

function assertSize(repo: string, { path, bytes }: RemoteFile, most: number): void {
  if (bytes <= most) return;
  throw new UserError(`${repo}: ${path} has ${bytes} bytes; at most ${most} are pulled.`);
}

/** The network in a folder that is no run: an export, or what was pulled. Undefined where there is none. */
export function networkIn(folder: string): string | undefined {
  if (existsSync(join(folder, 'run.json'))) return undefined;
  return ['onnx/model.onnx', 'model.onnx'].map((name) => join(folder, name)).find((path) => existsSync(path));
}
