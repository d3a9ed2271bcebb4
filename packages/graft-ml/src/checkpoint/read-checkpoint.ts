import {
  type Checkpoint,
  type CheckpointDescription,
  checkpointFrom,
} from '@graft-ml/core/internal/weights/checkpoint';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import type { NamedArchitecture } from '@graft-ml/core/models';
import type { OpenOptions } from '../files/read.ts';
import { nativeHash } from '../files/tensors-hash.ts';
import { classNames } from './class-names.ts';
import { readWeightsFile } from './weights-file.ts';

/**
 * Reads a checkpoint for a model: a file of ours, or with its `entry` a published one, or any other with the model's
 * names.
 * @throws UserError where the file is damaged or of another architecture.
 */
export async function readCheckpoint(
  path: string,
  model: NamedArchitecture,
  { entry = null, ...options }: OpenOptions & { entry?: WeightsEntry | null } = {},
): Promise<Checkpoint> {
  const read = await readWeightsFile(path, options);
  return checkpointFrom(path, read, model, { published: await published(entry), hash: nativeHash() });
}

async function published(entry: WeightsEntry | null): Promise<CheckpointDescription> {
  if (entry === null) return {};
  return { preprocessing: entry.preprocessing, classes: entry.classes ? await classNames(entry.classes) : undefined };
}
