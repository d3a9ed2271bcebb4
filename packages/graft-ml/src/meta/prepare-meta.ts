import { availableParallelism } from 'node:os';
import { sizeOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { Model } from '@graft-ml/core/internal/fit/model';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { encodeSeen, type Seen, seenOf } from '@graft-ml/core/internal/image/seen';
import type { CompileTasks } from '@graft-ml/core/internal/meta/meta-course';
import { learnerVariables } from '@graft-ml/core/internal/meta/task-graph';
import { headPattern } from '@graft-ml/core/internal/models/index';
import { learners, noWeights, type ResolvedMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { type LearnerParts, learnerOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { changedPreprocessing } from '@graft-ml/core/internal/recipe/preprocessing';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import { newRecord } from '@graft-ml/core/internal/runs/run-file';
import { inSequence } from '@graft-ml/core/internal/runtime/index';
import { weightsFor } from '@graft-ml/core/internal/weights/checkpoint';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { initialise, type Variable } from '@graft-ml/core/nn';
import type { Backend, Runtime } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { openBackbone } from '../checkpoint/backbone.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { EpisodeSets } from '../episodes/episode.ts';
import { openEpisodes } from '../episodes/open-episodes.ts';
import { openSubsets } from '../episodes/subsets.ts';
import { nodeHost } from '../runs/host.ts';
import { createRuntime, openProgramPool } from '../runtime/index.ts';
import type { PrepareOptions } from '../transfer/prepare.ts';
import { unlessAborted } from '../transfer/run-images.ts';

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

/** Reads the weights, decodes the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
export async function prepareMeta(
  path: string,
  given: ResolvedMetaConfig,
  options: PrepareOptions,
): Promise<PreparedMeta> {
  const { signal, cache = defaultCache() } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  const weights = given.weights === noWeights ? null : given.weights;
  const {
    model: architecture,
    onnx,
    checkpoint,
  } = await openBackbone(
    { ...given, weights, head: null },
    { onnxFile: options.onnxFile, download: { cache, ...options.download, ...(signal && { signal }) } },
  );
  const preprocessing = changedPreprocessing(
    checkpoint?.preprocessing ?? architecture.preprocessing,
    architecture,
    given,
  );
  const sets = await unlessAborted(openSets(path, given, preprocessing, { ...options, cache }), signal);
  const config = given.fixedLabels ? { ...given, way: sets.train.classes.length } : given;
  const { way, shots, queries } = config;
  // Said before anything is compiled.
  const needed =
    learners[config.learner].kind === 'baseline' ? ['validation' as const] : ['train' as const, 'validation' as const];
  for (const side of needed) sets[side].draw({ way, shots, queries }, [config.seed, side, 0]);
  const threads = options.threads ?? config.threads ?? availableParallelism();
  const runtime = taskRuntime(config.device, {
    choices: options.choices,
    cache,
    backend: options.backend,
    onPreparation,
  });
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
  const initial = { ...initialise(variables.values(), config.seed), ...values };
  const weightsSha256 = checkpoint?.sha256 ?? null;
  const before = checkpoint?.seen ?? null;
  const notes = [...(checkpoint?.notes ?? []), ...sets.notes, ...notesOnSeen(sets, before, given.weights)];
  return {
    ...parts,
    config,
    architecture,
    preprocessing,
    model,
    sets,
    variables,
    initial,
    weightsSha256,
    before,
    onnx,
    notes,
    threads,
    parallel: sideBySide(threads, options.backend),
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

/** The runtime of tasks: every session has one thread, as many stand side by side. */
export function taskRuntime(
  device: string,
  { choices, cache, backend, onPreparation }: Pick<PrepareOptions, 'choices' | 'cache' | 'backend' | 'onPreparation'>,
): Runtime {
  return createRuntime({
    device,
    threads: 1,
    cache,
    backend,
    ...(choices && { choices }),
    onTuning: ({ done, total }) => onPreparation?.({ stage: 'timing kernels', done, total }),
  });
}

/**
 * Tasks side by side, in as many sessions as there are threads; one also gets a thread, so that the number changes no
 * bit. What a backend of the program's own compiles cannot be sent to a thread: there they come one after the other.
 */
export function sideBySide(threads: number, backend: Backend | undefined): CompileTasks {
  return async (outputs, shared, runtime) =>
    backend
      ? inSequence(await runtime.compile(outputs))
      : openProgramPool(await runtime.encode(outputs), { threads, shared });
}

/** The dataset as a configuration opens it; the same for every later look at it. */
export async function openSets(
  path: string,
  config: Pick<
    ResolvedMetaConfig,
    'learner' | 'way' | 'split' | 'rotations' | 'seed' | 'memory' | 'shots' | 'queries' | 'fixedLabels'
  >,
  preprocessing: Preprocessing,
  { signal, cache, decoder, onPreparation }: Pick<PrepareOptions, 'signal' | 'cache' | 'decoder' | 'onPreparation'>,
): Promise<EpisodeSets> {
  const { split, rotations, seed, memory, shots, queries, fixedLabels } = config;
  const { crop, resize, squash, interpolation, colourProfile, orientation } = preprocessing;
  const onProgress = (done: number, total: number) => onPreparation?.({ stage: 'decoding images', done, total });
  const pool = openImagePool(decoder);
  try {
    if (fixedLabels) return await openSubsets(path, { seed, preprocessing, memory, pool, cache, onProgress });
    return await openEpisodes(path, {
      ...{ side: crop, resize, interpolation, squash, colourProfile, orientation, split, seed, memory, pool, cache },
      rotations: { none: false, train: 'train', all: true }[rotations] as boolean | 'train',
      perClass: shots + queries,
      untrainedWay: learners[config.learner].kind === 'baseline' ? config.way : undefined,
      onProgress,
      ...(signal && { signal }),
    });
  } finally {
    await pool.close();
  }
}

/** `run.json` of a run that begins. */
export function describeMetaRun(path: string, prepared: PreparedMeta): MetaRun {
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
    versions: nodeHost().versions,
    device: model.runtime.device,
    threads,
    choices: {},
    ...newRecord,
    before: before && encodeSeen(seenOf(before, Object.values(sets.contents).flat())),
  };
}
