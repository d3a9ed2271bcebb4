import { resolve } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { zeros } from '@graft-ml/core/internal/base/tensor';
import type { TrainEvent } from '@graft-ml/core/internal/fit/events';
import { LossError } from '@graft-ml/core/internal/fit/loss-error';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { type ImageStatistics, statisticsOf } from '@graft-ml/core/internal/image/image-statistics';
import { type Seen, seenAfter } from '@graft-ml/core/internal/image/seen';
import { taskMemory } from '@graft-ml/core/internal/meta/memory';
import { type MetaFitData, type MetaFitOptions, metaFit, metaTask } from '@graft-ml/core/internal/meta/meta-fit';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { clipOf, optimizerOf } from '@graft-ml/core/internal/recipe/config/optimisation';
import { scheduleOf } from '@graft-ml/core/internal/recipe/config/schedule';
import {
  epochsOf,
  learners,
  type MetaConfig,
  type MetaConfigInput,
  parseMetaConfig,
  type ResolvedMetaConfig,
  resolveMetaConfig,
} from '@graft-ml/core/internal/recipe/meta/index';
import { phasesOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import { type Last, readBest, readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { type MetaRun, metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import type { NamedPaths } from '@graft-ml/core/internal/runs/named-paths';
import { closing, recorded } from '@graft-ml/core/internal/runs/recording';
import type { CancelledEvent } from '@graft-ml/core/internal/runs/run-events';
import { assertUnchanged } from '@graft-ml/core/internal/runs/run-file';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Learner } from '@graft-ml/core/meta';
import type { NamedArchitecture } from '@graft-ml/core/models';
import type { Choices } from '@graft-ml/core/runtime';
import { openBackbone } from '../checkpoint/backbone.ts';
import { augmentedSource } from '../episodes/augmented.ts';
import type { EpisodeSets } from '../episodes/episode.ts';
import { nodeHost } from '../runs/host.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { openRunStore, ownOnnx } from '../runs/run-store.ts';
import type { TrainFolderOptions } from '../transfer/train-folder.ts';
import { type ResumeOptions, withAbsolutePaths } from '../transfer/train-folder.ts';
import { checkMemory } from './check-memory.ts';
import { measureBaseline } from './measure-baseline.ts';
import { describeMetaRun, type PreparedMeta, prepareMeta } from './prepare-meta.ts';
import { readMetaRun } from './read-meta-run.ts';

/** A run of meta-learning is about to begin: what was resolved, before anything is trained. */
export interface MetaReadyEvent {
  readonly kind: 'ready';
  readonly out: string;
  readonly run: MetaRun;
  readonly config: ResolvedMetaConfig;
  readonly sets: EpisodeSets;
  /** The learner that is adapted, or fitted, to the support set of each episode. */
  readonly learner: Learner;
  /** Episodes side by side. */
  readonly threads: number;
  /** Bytes that each thread will take, about; null for what is not trained. */
  readonly memory: number | null;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
}

export type MetaEvent = MetaReadyEvent | CancelledEvent | TrainEvent;

export type TrainMetaOptions = TrainFolderOptions;

/**
 * Class folders in, a run folder with what was learned across tasks out.
 * @throws UserError for anything wrong with the folder, the weights or the options, before training starts.
 * @example for await (const event of trainMeta('omniglot', { learner: 'anil', way: 20 }, { out: 'runs/anil' })) …
 */
export async function* trainMeta(
  folder: string,
  config: MetaConfigInput,
  options: TrainMetaOptions,
): AsyncGenerator<MetaEvent, void, undefined> {
  const parsed = parseMetaConfig(config);
  const resolved = withAbsolutePaths(resolveMetaConfig(parsed, await fileModel(parsed)));
  await assertNewRun((options.openStore ?? openRunStore)(options.out), { overwrite: options.overwrite ?? false });
  yield* runMeta(resolve(folder), resolved, options, null);
}

/** The model in an ONNX file, by which some defaults go; undefined for a model of the zoo. */
async function fileModel({ model, mean, std }: MetaConfig): Promise<NamedArchitecture | undefined> {
  if (model === null || !isOnnx(model)) return undefined;
  return (await openBackbone({ model, mean, std, weights: null, head: null })).model;
}

/** Options for resuming a run of meta-learning. */
export type ResumeMetaOptions = Omit<ResumeOptions, 'epochs'>;

/**
 * Goes on with a run of meta-learning where it stopped. It ends bit for bit as if it had not stopped, but for `from:
 * 'best'`.
 */
export async function* resumeMeta(
  out: string,
  { data, weights, from = 'last', ...options }: ResumeMetaOptions = {},
): AsyncGenerator<MetaEvent, void, undefined> {
  const { openStore = openRunStore } = options;
  await readMetaRun(out, openStore); // so that nothing is written where there is none
  const lock = await openStore(out).lock();
  try {
    const named = { data, weights };
    const found = await usablePaths(out, await readMetaRun(out, openStore), named);
    if (found.status === 'done') {
      throw new UserError(
        `${out} is complete. To train on from its weights, begin another run with ${option('weights', out)} and ` +
          `${option('model', resolveMetaConfig(found.config).model)}.`,
      );
    }
    const last = await (from === 'best' ? readBest(out, metaRuns, openStore) : readLast(out, metaRuns, openStore));
    const change = { epoch: last.phase.epoch, change: 'resumed from best.safetensors, with a new optimizer state' };
    const run = from === 'best' ? { ...found, changes: [...found.changes, change] } : found;
    yield* runMeta(run.folder, resolveMetaConfig(run.config), { ...options, out }, { run, lock, named, ...last });
  } finally {
    await lock.release();
  }
}

type Resumed = { run: MetaRun; lock: RunLock; named: NamedPaths } & Last;

async function* runMeta(
  path: string,
  config: ResolvedMetaConfig,
  options: TrainMetaOptions,
  resumed: Resumed | null,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { out, signal, onPreparation, download } = options;
  const choices: Choices | undefined = resumed?.run.choices ?? options.choices;
  try {
    const prepared = await prepareMeta(path, config, {
      choices,
      threads: resumed?.run.threads,
      signal,
      onPreparation,
      download,
      cache: options.cache,
      decoder: options.decoder,
      backend: options.backend,
      onnxFile: resumed ? ownOnnx(out, resumed.run, options.openStore) : undefined,
      cleanups: [],
    });
    const { sets, learner, notes, threads, weightsSha256 } = prepared;
    const now = { fingerprint: sets.header.fingerprint, weightsSha256 };
    if (resumed) assertUnchanged(out, resumed.run, now, resumed.named);
    const run = resumed?.run ?? describeMetaRun(path, prepared);
    const isTrained = learners[config.learner].kind !== 'baseline';
    const task = () => metaTask(prepared.model, metaFitData(prepared), metaFitOptions(prepared));
    const memory = isTrained ? taskMemory(task()) : null;
    if (memory !== null) checkMemory(memory, threads, prepared.config);
    yield { kind: 'ready', out, run, config: prepared.config, sets, learner, threads, memory, notes };
    yield* trained(run, prepared, options, resumed);
  } catch (error) {
    if (error instanceof LossError)
      throw error.advising('Try a smaller `innerRate`, a tenth of the learning rate, or `clipNorm: 10`.');
    if (!signal?.aborted || error !== signal.reason) throw error;
    yield { kind: 'cancelled', out };
  }
}

/** Trains, and writes the run folder from the moment on when the first step is about to be taken. */
async function* trained(
  run: MetaRun,
  prepared: PreparedMeta,
  { out, overwrite = false, signal, loggers, openStore }: TrainMetaOptions,
  resumed: Resumed | null,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { config, architecture, model, preprocessing, initial, onnx } = prepared;
  const { runtime } = model;
  const description = {
    ...describeCheckpoint(architecture, [], preprocessing, seenByMeta(prepared)),
    learner: config.learner,
    ...(learners[config.learner].kind !== 'baseline' && { images: JSON.stringify(imagesLearnedFrom(prepared)) }),
  };
  const store = new RunFolder(
    out,
    run,
    { description, initial, onnx, loggers, host: nodeHost(openStore) },
    resumed?.lock,
  );
  const work = async function* (): AsyncGenerator<TrainEvent, void, undefined> {
    const options = { ...metaFitOptions(prepared), store, ...(signal && { signal }), resume: resumed ?? false };
    const events =
      learners[config.learner].kind === 'baseline'
        ? measureBaseline(prepared, store, signal)
        : metaFit(model, metaFitData(prepared), options);
    const end = yield* recorded(events, store, { runtime, last: resumed, overwrite, signal });
    if (!end) return;
    await store.log(end);
    await store.close('done');
    yield end;
  };
  yield* closing(store, work());
}

/** About so many images tell what the others look like. */
const statisticalImages = 400;

function imagesLearnedFrom({ config: { way, shots, queries }, sets }: PreparedMeta): ImageStatistics {
  const support = Array.from(
    { length: Math.ceil(statisticalImages / (way * shots)) },
    (_, i) => sets.train.draw({ way, shots, queries }, ['statistics', i]).support,
  );
  const images = zeros('u8', [support.length * support[0]!.shape[0]!, ...support[0]!.shape.slice(1)]);
  support.forEach(({ data }, i) => {
    images.data.set(data, i * data.length);
  });
  return statisticsOf(images);
}

/**
 * The images that the weights of this run have seen when it ends. A learner that is not trained has only been measured.
 */
function seenByMeta({ config, sets, before }: PreparedMeta): Seen | null {
  if (learners[config.learner].kind === 'baseline') return before;
  return seenAfter(before, 'meta train', { fitted: sets.contents.train, chosen: sets.contents.validation });
}

/** The options of `metaFit` for a prepared run. */
function metaFitOptions({ config, learner, parallel }: PreparedMeta): MetaFitOptions {
  const { way, shots, queries, metaBatch, metaSteps, validateEvery, episodes, testSteps, patience, ema, seed } = config;
  const clip = clipOf(config);
  return {
    learner,
    way,
    shots,
    queries,
    phases: phasesOf(config),
    tasksPerStep: metaBatch,
    stepsPerEpoch: validateEvery,
    validationEpisodes: episodes,
    testSteps: testSteps ?? 0,
    optimizer: optimizerOf(config),
    schedule: scheduleOf({ ...config, epochs: epochsOf(config) })(metaSteps),
    ...(clip && { clip }),
    ...(ema !== null && { average: ema }),
    ...(patience !== null && { patience }),
    seed,
    parallel,
  };
}

/** The episodes to learn from, augmented, and those that judge. */
function metaFitData({ config: { augment, seed }, sets }: PreparedMeta): MetaFitData {
  const train = augmentedSource(sets.train, augmentationOf(augment ?? 'none'), seed);
  return { train, validation: sets.validation };
}
