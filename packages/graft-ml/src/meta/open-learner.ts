import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ImageStatistics } from '@graft-ml/core/internal/image/image-statistics';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { learnerVariables } from '@graft-ml/core/internal/meta/task-graph';
import { type FittedHead, headFor } from '@graft-ml/core/internal/recipe/meta/head-for';
import { type ResolvedMetaConfig, resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { type LearnerParts, learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { hasCheckpoint, readLast, readRunCheckpoint, variablesOfState } from '@graft-ml/core/internal/runs/checkpoints';
import { imagesIn, seenIn } from '@graft-ml/core/internal/weights/checkpoint';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { openBackbone } from '../checkpoint/backbone.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { type MetaRun, metaRuns, readMetaRun } from './meta-run.ts';

/** A meta-learned run, ready for tasks of so many classes. */
export interface OpenLearner extends LearnerParts, FittedHead {
  readonly run: MetaRun;
  readonly config: ResolvedMetaConfig;
  readonly model: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The images that it was trained on; null where unknown. */
  readonly seen: Seen | null;
  /** The statistics of the images that it was meta-learned on; null where unknown. */
  readonly images: ImageStatistics | null;
  /** Its own copy of an ONNX model, where it is one. */
  readonly onnx: Uint8Array | null;
}

/**
 * The best checkpoint of a run of meta-learning. `way` is the number of classes of the tasks to come; default: the
 * run's own.
 * @throws UserError where the folder is no such run, has no checkpoint yet, or its head cannot be made to fit
 */
export async function openLearner(
  path: string,
  way?: number,
  checkpoint: CheckpointName = 'best',
  openStore: OpenRunStore = openRunStore,
): Promise<OpenLearner> {
  const run = await readMetaRun(path, openStore);
  const config = resolveMetaConfig(run.config);
  const file = join(path, checkpointFile(checkpoint));
  if (checkpoint === 'best' && !(await hasCheckpoint(path, 'best', openStore)))
    throw new UserError(`${path} has no best.safetensors: no validation of it is complete yet.`);
  const named = { ...config, weights: null, head: null };
  const { model, onnx } = await openBackbone(named, { onnxFile: ownOnnx(path, run, openStore) });
  const { preprocessing } = run;
  const { tensors, metadata } = await (checkpoint === 'best'
    ? readRunCheckpoint(path, 'best', metaRuns.resumedBy, openStore)
    : readLastOf(path, openStore));
  const count = way ?? config.way;
  const parts = learnerOf(config, model, preprocessing, count);
  const fitted = headFor(tensors, { start: path, config, model, way: count });
  for (const { name } of learnerVariables(parts.network, parts.learner).values()) {
    if (!fitted.values[name]) throw new UserError(`${file} is damaged: it lacks ${name}.`);
  }
  const [seen, images] = [seenIn(metadata), imagesIn(metadata)];
  return { ...parts, ...fitted, run, config, model, preprocessing, seen, images, onnx };
}

async function readLastOf(
  path: string,
  openStore: OpenRunStore,
): Promise<{ tensors: Tensors; metadata: Record<string, string> }> {
  return { tensors: variablesOfState((await readLast(path, metaRuns, openStore)).tensors), metadata: {} };
}
