import { UserError } from '../base/errors.ts';
import type { Tensors } from '../base/tensor.ts';
import { type CheckpointName, checkpointFile } from '../fit/checkpoint-files.ts';
import type { OpenRunStore } from '../fit/run-store.ts';
import type { ImageStatistics } from '../image/image-statistics.ts';
import type { Seen } from '../image/seen.ts';
import { learnerVariables } from '../meta/task-graph.ts';
import type { NamedArchitecture, Preprocessing } from '../models/index.ts';
import { type FittedHead, headFor } from '../recipe/meta/head-for.ts';
import { type ResolvedMetaConfig, resolveMetaConfigFor } from '../recipe/meta/index.ts';
import { type LearnerParts, learnerOf } from '../recipe/meta/make-learner.ts';
import { imagesIn, seenIn } from '../weights/checkpoint.ts';
import { hasCheckpoint, readLast, readRunCheckpoint, variablesOfState } from './checkpoints.ts';
import { type MetaRun, metaRuns } from './meta-run.ts';
import type { Backbone } from './prepared.ts';

/** A learner with its numbers, ready for tasks of so many classes. */
export interface Adaptable extends LearnerParts, FittedHead {
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

/** A meta-learned run, ready for tasks of so many classes. */
export interface OpenLearner extends Adaptable {
  readonly run: MetaRun;
}

/** The options that decide the backbone of a run of meta-learning: its numbers come from its checkpoint. */
export function backboneOf(
  run: MetaRun,
): Omit<ResolvedMetaConfig, 'weights'> & { readonly weights: null; readonly head: null } {
  return { ...resolveMetaConfigFor(run.config, undefined), weights: null, head: null };
}

export interface LearnerOptions {
  readonly run: MetaRun;
  readonly backbone: Pick<Backbone, 'model' | 'onnx'>;
  /** The number of classes of the tasks to come. Default: the run's own. */
  readonly way?: number | undefined;
  readonly checkpoint: CheckpointName;
  readonly openStore: OpenRunStore;
}

/**
 * A checkpoint of a run of meta-learning.
 * @throws UserError where the run has none yet, or its head cannot be made to fit
 */
export async function openLearner(
  path: string,
  { run, backbone: { model, onnx }, way, checkpoint, openStore }: LearnerOptions,
): Promise<OpenLearner> {
  const config = resolveMetaConfigFor(run.config, model);
  const { preprocessing } = run;
  if (checkpoint === 'best' && !(await hasCheckpoint(path, 'best', openStore)))
    throw new UserError(`${path} has no best.safetensors: no validation of it is complete yet.`);
  const { tensors, metadata } = await (checkpoint === 'best'
    ? readRunCheckpoint(path, 'best', metaRuns.resumedBy, openStore)
    : readLastOf(path, openStore));
  const count = way ?? config.way;
  const parts = learnerOf(config, model, preprocessing, count);
  const fitted = headFor(tensors, { start: path, config, model, way: count });
  for (const { name } of learnerVariables(parts.network, parts.learner).values()) {
    if (!fitted.values[name])
      throw new UserError(`${path}/${checkpointFile(checkpoint)} is damaged: it lacks ${name}.`);
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
