import { sizeOf, type Tensors } from '../base/tensor.ts';
import { version } from '../base/version.ts';
import { Model } from '../fit/model.ts';
import { variablesOf } from '../fit/step.ts';
import { encodeSeen, type Seen, seenOf } from '../image/seen.ts';
import { learners } from '../meta/learners.ts';
import { learnerVariables } from '../meta/task-graph.ts';
import type { CompileTasks } from '../meta/task-program.ts';
import { headPattern, type NamedArchitecture, type Preprocessing } from '../models/index.ts';
import { initialise, type Variable } from '../nn/index.ts';
import { noWeights, type ResolvedMetaConfig } from '../recipe/meta/index.ts';
import { type LearnerParts, learnerOf } from '../recipe/meta/make-learner.ts';
import { changedPreprocessing } from '../recipe/preprocessing.ts';
import type { Runtime } from '../runtime/index.ts';
import { weightsFor } from '../weights/checkpoint.ts';
import type { EpisodeSets } from './episode-sets.ts';
import type { MetaRun } from './meta-run.ts';
import type { Backbone } from './prepared.ts';
import { newRecord, type RunVersions } from './run-file.ts';

/** The parts of a run of meta-learning, before anything is trained. */
export interface PreparedMeta extends LearnerParts {
  readonly config: ResolvedMetaConfig;
  readonly architecture: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The learner's network, with its first values: pretrained or drawn. */
  readonly model: Model;
  readonly sets: EpisodeSets;
  /** The learner's variables: the network's, and the inner rates it learns. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Their first values. */
  readonly initial: Tensors;
  readonly weightsSha256: string | null;
  /** The images that the weights were trained on; null where unknown. */
  readonly before: Seen | null;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
  /** Episodes side by side. */
  readonly threads: number;
  readonly parallel: CompileTasks;
}

/** The episodes of a run, as another process opens them and draws the same. */
export interface EpisodeOrigin {
  /** The place of its images. */
  readonly folder: string;
  readonly config: ResolvedMetaConfig;
  readonly preprocessing: Preprocessing;
  /** The identity of the images. */
  readonly fingerprint: string;
}

/** The options that decide the network of a run of meta-learning before a learner is made of it. */
export function startOf(given: ResolvedMetaConfig): Omit<ResolvedMetaConfig, 'weights'> & {
  readonly weights: string | null;
  readonly head: null;
} {
  return { ...given, weights: given.weights === noWeights ? null : given.weights, head: null };
}

/** The preprocessing of a run's images: that of its weights, or its model's, as far as options leave it. */
export function metaPreprocessing(given: ResolvedMetaConfig, { model, checkpoint }: Backbone): Preprocessing {
  return changedPreprocessing(checkpoint?.preprocessing ?? model.preprocessing, model, given);
}

/**
 * The configuration with the number of classes that episodes have.
 * @throws UserError where no episode can be drawn: said before anything is compiled
 */
export function possibleConfig(given: ResolvedMetaConfig, sets: EpisodeSets): ResolvedMetaConfig {
  const config = given.fixedLabels ? { ...given, way: sets.train.classes.length } : given;
  const { way, shots, queries, seed } = config;
  const needed =
    learners[config.learner].kind === 'baseline' ? ['validation' as const] : ['train' as const, 'validation' as const];
  for (const side of needed) sets[side].draw({ way, shots, queries }, [seed, side, 0]);
  return config;
}

/** The surroundings of a run of meta-learning that is prepared. */
export interface MetaSurroundings extends Pick<PreparedMeta, 'preprocessing' | 'sets' | 'threads' | 'parallel'> {
  readonly backbone: Backbone;
  readonly runtime: Runtime;
}

/** The learner of a run with its first values, and all that is known of the run. @param config by `possibleConfig` */
export function preparedMeta(config: ResolvedMetaConfig, surroundings: MetaSurroundings): PreparedMeta {
  const { backbone, preprocessing, sets, runtime, threads, parallel } = surroundings;
  const { model: architecture, onnx, checkpoint } = backbone;
  const parts = learnerOf(config, architecture, preprocessing, config.way);
  const variables = learnerVariables(parts.network, parts.learner);
  const own = variablesOf(parts.network);
  const loaded = checkpoint ? weightsFor(checkpoint, architecture, own, { newHead: true }) : {};
  const values = { ...initialise(own.values(), config.seed), ...loaded };
  const head = headPattern(architecture);
  const model = new Model({
    ...parts,
    runtime,
    variables: values,
    head: (name) => head.test(name),
    features: null,
    image: null,
  });
  const before = checkpoint?.seen ?? null;
  return {
    ...parts,
    config,
    architecture,
    preprocessing,
    model,
    sets,
    variables,
    initial: { ...initialise(variables.values(), config.seed), ...values },
    weightsSha256: checkpoint?.sha256 ?? null,
    before,
    onnx,
    notes: [...(checkpoint?.notes ?? []), ...sets.notes, ...notesOnSeen(sets, before, config.weights)],
    threads,
    parallel,
  };
}

/**
 * Notes on the images of the validation and test sides that the weights have seen. Classes stay where the split puts
 * them.
 */
function notesOnSeen({ contents }: EpisodeSets, before: Seen | null, weights: string): string[] {
  if (!before) return [];
  const known = (side: 'validation' | 'test') => contents[side].filter((key) => before.fitted.has(key)).length;
  const said = (['validation', 'test'] as const)
    .filter((side) => known(side) > 0)
    .map((side) => `${known(side)} of the ${contents[side].length} ${side} images`);
  return said.length === 0
    ? []
    : [
        `${weights} was fitted to ${said.join(' and ')}: accuracy on them says too much. Divide the classes ` +
          `otherwise (\`split\`).`,
      ];
}

/** `run.json` of a run that begins. @param path the place of its images */
export function describeMetaRun(path: string, prepared: PreparedMeta, versions: RunVersions): MetaRun {
  const { config, preprocessing, sets, model, threads, variables, weightsSha256, before } = prepared;
  const { fingerprint, split, train, validation, test } = sets.header;
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  const total = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    graft: version,
    kind: 'meta',
    status: 'running',
    config,
    weightsSha256,
    folder: path,
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    dataset: {
      ...{ fingerprint, split, train, validation, test },
      leftOut: sets.problems.map(({ path: at, kind }) => ({ path: at, kind })),
    },
    parameters: { total, trained: total },
    versions,
    device: model.runtime.device,
    threads,
    choices: {},
    ...newRecord,
    before: before && encodeSeen(seenOf(before, Object.values(sets.contents).flat())),
  };
}
