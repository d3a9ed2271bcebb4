import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type Tensor, type TensorOf, type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import type { ImageStatistics } from '@graft-ml/core/internal/image/image-statistics';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { innerRateName } from '@graft-ml/core/internal/meta/learner';
import { isAdapting, learners } from '@graft-ml/core/internal/meta/learners';
import { learnerVariables } from '@graft-ml/core/internal/meta/task-graph';
import { headPattern } from '@graft-ml/core/internal/models/index';
import { type ResolvedMetaConfig, resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { type LearnerParts, learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { openBackbone } from '../checkpoint/backbone.ts';
import { imagesIn, seenIn } from '../checkpoint/pretrained.ts';
import {
  type CheckpointName,
  checkpointFile,
  hasCheckpoint,
  readLast,
  readRunCheckpoint,
  variablesOfState,
} from '../runs/checkpoints.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { type MetaRun, metaRuns, readMetaRun } from './meta-run.ts';

/** A meta-learned run, ready for tasks of so many classes. */
export interface OpenLearner extends LearnerParts {
  readonly run: MetaRun;
  readonly config: ResolvedMetaConfig;
  readonly model: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The values of the learner's variables. */
  readonly values: Tensors;
  /** Notes on the head, a sentence each. */
  readonly notes: readonly string[];
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
  const fitted = fitHead(tensors, { path, config, model, way: count });
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

interface HeadChange {
  readonly path: string;
  readonly config: ResolvedMetaConfig;
  readonly model: NamedArchitecture;
  readonly way: number;
}

/**
 * A head for another number of classes. Classes get their labels by chance in meta-learning, so its rows differ only by
 * chance too: for fewer classes the first ones do; for more, every class begins with the mean of the rows (Ye and Chao
 * 2021: a MAML with one row for all classes is as good). The inner loop then tells them apart, except BOIL's, which
 * leaves the head as it is.
 */
function fitHead(tensors: Tensors, { path, config, model, way }: HeadChange): Pick<OpenLearner, 'values' | 'notes'> {
  const learner = learners[config.learner];
  if (!isAdapting(learner) || way === config.way) return { values: tensors, notes: [] };
  if (way > config.way && learner.adapts === 'body') {
    throw new UserError(
      `${path}: ${config.learner} does not adapt its head, which tells ${config.way} classes apart; ${way} are ` +
        `too many. Meta-train with ${option('way', way)}, or with another learner, such as protonet, which takes any ` +
        'number.',
    );
  }
  const head = headPattern(model);
  const isOfHead = (name: string) => head.test(name) || head.test(name.slice(innerRateName('').length));
  const values = Object.entries(tensors).map(([name, value]): [string, Tensor] => {
    const isByClass = isOfHead(name) && value.dtype === 'f32' && value.shape[0] === config.way;
    // A learned rate per step is no row of the head, even where there are as many steps as classes.
    const isPerStep =
      name.startsWith(innerRateName('')) && learner.kind === 'gradient' && learner.learnedRates === 'per-step';
    return [name, isByClass && !isPerStep ? rows(value, way) : value];
  });
  const how =
    way < config.way ? 'the first rows of its head are taken' : 'each class begins with the mean of its head’s rows';
  return {
    values: Object.fromEntries(values),
    notes: [`The run was trained on ${config.way} classes at a time, and there are ${way}: ${how}.`],
  };
}

/** The first `count` rows, or that many times the mean row where there are not so many. */
function rows(value: TensorOf<'f32'>, count: number): TensorOf<'f32'> {
  const [have, width] = [value.shape[0]!, value.data.length / value.shape[0]!];
  const made = zeros('f32', [count, ...value.shape.slice(1)]);
  if (count <= have) {
    made.data.set(value.data.subarray(0, count * width));
    return made;
  }
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let row = 0; row < have; row++) sum += value.data[row * width + i]!;
    for (let row = 0; row < count; row++) made.data[row * width + i] = sum / have;
  }
  return made;
}
