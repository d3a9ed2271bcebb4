import { i64, type TensorOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { parameterTable } from '@graft-ml/core/internal/fit/network';
import { isAdapting, learners } from '@graft-ml/core/internal/meta/learners';
import { headFor } from '@graft-ml/core/internal/recipe/meta/head-for';
import { type ResolvedMetaConfig, resolveMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { metaRunSchema } from '@graft-ml/core/internal/runs/meta-run';
import {
  type Episode,
  type InnerStep,
  type LossSurface,
  lossSurface,
  type Statistics,
  traceInnerLoop,
} from '@graft-ml/core/meta';
import { getModel, type Preprocessing } from '@graft-ml/core/models';
import type { Runtime } from '@graft-ml/core/runtime';
import { readSafetensors } from '@graft-ml/core/weights';
import { type Drawing, imagesOf } from './drawing.ts';
import type { ShownLearner } from './learners.ts';

/** A class of a task: the drawings to learn from, and those to be told apart after that. */
export interface DrawnClass {
  readonly name: string;
  readonly support: readonly Drawing[];
  readonly query: readonly Drawing[];
}

/** Settings of the inner loop, by their names in Graft's options. */
export interface InnerSettings {
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly statistics: Exclude<Statistics, 'running'>;
}

export interface InnerLoopQuestion extends InnerSettings {
  readonly classes: readonly DrawnClass[];
  readonly learners: readonly ShownLearner[];
}

/** The inner loops of some learners, and the start that all of them begin at. */
export interface Traced {
  /** Its name, and the inner loop that it was meta-learned with. */
  readonly start: { readonly name: string; readonly innerSteps: number; readonly innerRate: number };
  readonly traces: readonly LearnerTrace[];
}

/** The inner loop of one learner, step by step. */
export interface LearnerTrace {
  readonly learner: ShownLearner;
  /** The part of the network that its inner loop adapts. */
  readonly adapts: 'all' | 'head' | 'body';
  readonly description: string;
  readonly steps: readonly InnerStep[];
  /** The distance of each block from the start after each step, relative to its norm there. */
  readonly moved: readonly { readonly block: string; readonly byStep: readonly number[] }[];
}

export interface SurfaceQuestion extends InnerSettings {
  readonly classes: readonly DrawnClass[];
  readonly learner: ShownLearner;
}

/** A meta-learned start: the options it was trained with, and its values. */
export interface Start {
  readonly name: string;
  readonly config: ResolvedMetaConfig;
  readonly preprocessing: Preprocessing;
  readonly values: Tensors;
}

/**
 * A start from the two files of its run.
 * @throws where `run` is not what `graft meta train` writes; UserError where `file` is no safetensors file
 */
export function startOf(name: string, run: unknown, file: Uint8Array): Start {
  const { config, preprocessing } = metaRunSchema.parse(run);
  return { name, config: resolveMetaConfig(config), preprocessing, values: readSafetensors(file).tensors };
}

/** Watches the inner loop of each learner on one task, all from the same start. */
export async function traceLearners(
  start: Start,
  question: InnerLoopQuestion,
  runtime: Runtime,
  onProgress: (done: number) => void = () => {},
): Promise<Traced> {
  const episode = episodeOf(question.classes, start.preprocessing.crop);
  const traces: LearnerTrace[] = [];
  for (const learner of question.learners) {
    const opened = openFor(start, learner, question, episode.classes.length);
    const steps = await traceInnerLoop(opened.network, opened.learner, opened.values, episode, {
      runtime,
      steps: question.innerSteps,
    });
    const entry = learners[learner];
    traces.push({
      learner,
      adapts: isAdapting(entry) ? entry.adapts : 'all',
      description: entry.description,
      steps,
      moved: movesOf(steps, opened),
    });
    onProgress(traces.length);
  }
  const { name, config } = start;
  return { start: { name, innerSteps: config.innerSteps ?? 0, innerRate: config.innerRate ?? 0 }, traces };
}

/** The loss around the way of a learner's inner loop. */
export function surfaceOf(
  start: Start,
  question: SurfaceQuestion,
  options: { readonly runtime: Runtime; readonly onProgress: (done: number, total: number) => void },
): Promise<LossSurface> {
  const episode = episodeOf(question.classes, start.preprocessing.crop);
  const { network, learner, values } = openFor(start, question.learner, question, episode.classes.length);
  return lossSurface(network, learner, values, episode, {
    ...options,
    steps: question.innerSteps,
    columns: 21,
    rows: 15,
  });
}

/** The start with another inner loop than it was trained with: the same values, other inner rates. */
function openFor({ name, config, preprocessing, values }: Start, as: ShownLearner, how: InnerSettings, way: number) {
  const model = getModel(config.model);
  const { innerSteps, innerRate, statistics } = how;
  const changed = { ...config, learner: as, innerSteps, innerRate, statistics };
  const { network, learner } = learnerOf(changed, model, preprocessing, way);
  if (learner.kind === 'prototypes') throw new Error(`${as} has no inner loop`);
  const fitted = headFor(values, { start: name, config: changed, model, way });
  return { network, learner, values: fitted.values, table: parameterTable(network, model) };
}

function movesOf(steps: readonly InnerStep[], { table, values }: ReturnType<typeof openFor>): LearnerTrace['moved'] {
  return [...table.blocks].map(([block, names]) => {
    const own = names.filter((name) => table.parameters.has(name));
    const length = Math.hypot(...own.flatMap((name) => Array.from(values[name]!.data, Number)));
    return { block, byStep: steps.map(({ distances }) => Math.hypot(...own.map((name) => distances[name]!)) / length) };
  });
}

/** The drawings as the network sees them. @throws where a class has nothing to learn from, or nothing is asked */
export function episodeOf(classes: readonly DrawnClass[], side: number): Episode {
  return {
    classes: classes.map(({ name }) => name),
    support: imagesOf(
      classes.flatMap(({ support }) => support),
      side,
    ),
    supportLabels: labelsOf(classes.map(({ support }) => support.length)),
    query: imagesOf(
      classes.flatMap(({ query }) => query),
      side,
    ),
    queryLabels: labelsOf(classes.map(({ query }) => query.length)),
  };
}

function labelsOf(counts: readonly number[]): TensorOf<'i64'> {
  const labels = counts.flatMap((count, label) => Array.from({ length: count }, () => label));
  return i64([labels.length], labels);
}
