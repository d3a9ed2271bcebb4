import { basename, resolve } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { isWeightsFile, type NamedPaths, type PathRecord } from '@graft-ml/core/internal/runs/named-paths';
import { exists } from '../files/read.ts';
import { isSignedByUser, signAsUser } from '../files/user-key.ts';

type Places = Omit<PathRecord, 'signature'>;

/** Signs the places in a record. Null where this user has no key. */
export function signPaths(record: Places): Promise<string | null> {
  return signAsUser(textOf(record));
}

/** Whether this user named these places. */
export function areOwnPaths(record: PathRecord): Promise<boolean> {
  return isSignedByUser(textOf(record), record.signature);
}

function textOf({ folder, config: { model, weights } }: Places): string {
  return JSON.stringify(['run paths', folder, model, weights]);
}

/**
 * The record with the places that may be used: what was named now, or else what its own user named when it began.
 *
 * @throws UserError where neither is so, or the dataset is no longer there
 */
export async function usablePaths<R extends PathRecord>(out: string, record: R, named: NamedPaths): Promise<R> {
  const { folder, config } = record;
  const isOwn = await areOwnPaths(record);
  const foreign =
    `${out} was not made by you on this machine (or by a version of Graft before 0.2), so the paths in it are not ` +
    'opened unasked.';
  if (named.data === undefined && !isOwn) {
    throw new UserError(`${foreign} Pass ${option('data')} with the folder of its images; it says ${folder}.`);
  }
  if (named.weights === undefined && !isOwn && isWeightsFile(config.weights, config.model)) {
    throw new UserError(
      `${foreign} Pass ${option('weights')} with the file that it began with; it says ${config.weights}.`,
    );
  }
  if (named.data === undefined && !(await exists(folder))) {
    throw new UserError(
      `${folder}, the dataset of ${out}, is no longer there. Pass ${option('data')} with where it is now.`,
    );
  }
  const model = isOwn || config.model === null || !isOnnx(config.model) ? config.model : basename(config.model);
  return {
    ...record,
    folder: named.data === undefined ? folder : resolve(named.data),
    // The run has a copy of its model; a place that another named must not become one of this user's.
    config: {
      ...config,
      model,
      weights: named.weights === undefined ? config.weights : absoluteWeights(named.weights, config),
    },
  };
}

function absoluteWeights(weights: string, { model }: PathRecord['config']): string {
  return isWeightsFile(weights, model) ? resolve(weights) : weights;
}
