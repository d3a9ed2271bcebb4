import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { zeros } from '../base/tensor.ts';
import type { TrainEvent } from '../fit/events.ts';
import { LossError } from '../fit/loss-error.ts';
import type { RunLock } from '../fit/run-store.ts';
import { augmentationOf } from '../image/augment/levels.ts';
import { type ImageStatistics, statisticsOf } from '../image/image-statistics.ts';
import { type Seen, seenAfter } from '../image/seen.ts';
import { augmentedSource } from '../meta/augmented.ts';
import type { Learner } from '../meta/learner.ts';
import { learners } from '../meta/learners.ts';
import { taskMemory } from '../meta/memory.ts';
import { type MetaFitData, type MetaFitOptions, metaFit, metaTask } from '../meta/meta-fit.ts';
import type { OpenTasks } from '../meta/task-program.ts';
import { clipOf, optimizerOf } from '../recipe/config/optimisation.ts';
import { scheduleOf } from '../recipe/config/schedule.ts';
import { epochsOf, type ResolvedMetaConfig, resolveMetaConfigFor } from '../recipe/meta/index.ts';
import { phasesOf } from '../recipe/meta/make-learner.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import { type Last, readBest, readLast } from './checkpoints.ts';
import type { EpisodeSets } from './episode-sets.ts';
import type { RunHost } from './host.ts';
import { measureBaseline } from './measure-baseline.ts';
import { type MetaRun, metaRuns } from './meta-run.ts';
import type { NamedPaths } from './named-paths.ts';
import { describeMetaRun, type EpisodeOrigin, type PreparedMeta } from './prepared-meta.ts';
import { closing, recorded } from './recording.ts';
import type { CancelledEvent } from './run-events.ts';
import { assertUnchanged } from './run-file.ts';
import { type OwnOnnx, ownOnnx } from './run-files.ts';
import { assertNewRun, RunFolder } from './run-folder.ts';
import type { TrainOptions } from './train-run.ts';
import type { Resumption } from './training.ts';

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

/** Does the tasks of training and validation elsewhere. */
export type TasksElsewhere = (origin: EpisodeOrigin) => OpenTasks;

/** Options of meta-training, wherever it happens. */
export interface MetaTrainOptions extends Omit<TrainOptions, 'extract'> {
  readonly tasks?: TasksElsewhere | undefined;
}

/** What stands from the run that is gone on with. */
export interface OfResumedMeta {
  readonly threads: number | undefined;
  readonly onnxFile: OwnOnnx | undefined;
}

/** A place where runs of meta-learning are trained: a process of Node, or a page. */
export interface MetaSite<O extends MetaTrainOptions> {
  readonly host: RunHost;
  /** Reads the weights, decodes the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
  prepare(folder: string, config: ResolvedMetaConfig, options: O & OfResumedMeta): Promise<PreparedMeta>;
  /** @throws UserError where the sessions of all threads do not fit */
  assertMemory(perThread: number, threads: number, config: ResolvedMetaConfig): void;
  /** Reads a run. @throws UserError where there is none */
  read(path: string): Promise<MetaRun>;
  /**
   * The run with the places that may be used: those that are named now, or that it notes. @throws UserError where
   * neither may be
   */
  usable(path: string, run: MetaRun, named: NamedPaths): Promise<MetaRun>;
}

/** Trains a new run of meta-learning. */
export async function* beginMetaTraining<O extends MetaTrainOptions>(
  { folder, config, options }: { readonly folder: string; readonly config: ResolvedMetaConfig; readonly options: O },
  site: MetaSite<O>,
): AsyncGenerator<MetaEvent, void, undefined> {
  await assertNewRun(site.host.openStore(options.out), { overwrite: options.overwrite ?? false });
  yield* runMeta({ folder, config, options, resumed: null }, site);
}

/** Goes on with a run of meta-learning where it stopped. @throws UserError where it is complete */
export async function* goOnMetaTraining<O extends MetaTrainOptions>(
  { data, weights, from = 'last' }: Omit<Resumption, 'epochs'>,
  options: O,
  site: MetaSite<O>,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { out } = options;
  const { openStore } = site.host;
  await site.read(out); // so that nothing is written where there is none
  const lock = await openStore(out).lock();
  try {
    const named = { data, weights };
    const found = await site.usable(out, await site.read(out), named);
    const config = resolveMetaConfigFor(found.config, undefined);
    if (found.status === 'done') {
      throw new UserError(
        `${out} is complete. To train on from its weights, begin another run with ${option('weights', out)} and ` +
          `${option('model', config.model)}.`,
      );
    }
    const last = await (from === 'best' ? readBest(out, metaRuns, openStore) : readLast(out, metaRuns, openStore));
    const change = { epoch: last.phase.epoch, change: 'resumed from best.safetensors, with a new optimizer state' };
    const run = from === 'best' ? { ...found, changes: [...found.changes, change] } : found;
    yield* runMeta({ folder: run.folder, config, options, resumed: { run, lock, named, ...last } }, site);
  } finally {
    await lock.release();
  }
}

type Resumed = { readonly run: MetaRun; readonly lock: RunLock; readonly named: NamedPaths } & Last;

/** A run of meta-learning to be trained, from its beginning or from where it stopped. */
interface MetaToTrain<O extends MetaTrainOptions> {
  /** The place of its images. */
  readonly folder: string;
  readonly config: ResolvedMetaConfig;
  readonly options: O;
  readonly resumed: Resumed | null;
}

async function* runMeta<O extends MetaTrainOptions>(
  { folder, config, options, resumed }: MetaToTrain<O>,
  site: MetaSite<O>,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { out, signal } = options;
  const { host } = site;
  try {
    const prepared = await site.prepare(folder, config, {
      ...options,
      choices: resumed?.run.choices ?? options.choices,
      threads: resumed?.run.threads,
      trainedOn: resumed?.run.device,
      onnxFile: resumed ? ownOnnx(out, resumed.run, host.openStore) : undefined,
    });
    const { sets, learner, notes, threads, weightsSha256 } = prepared;
    const now = { fingerprint: sets.header.fingerprint, weightsSha256 };
    if (resumed) assertUnchanged(out, resumed.run, now, resumed.named);
    const run = resumed?.run ?? describeMetaRun(folder, prepared, host.versions);
    const isTrained = learners[config.learner].kind !== 'baseline';
    const task = () => metaTask(prepared.model, metaFitData(prepared), metaFitOptions(prepared));
    const memory = isTrained ? taskMemory(task()) : null;
    if (memory !== null) site.assertMemory(memory, threads, prepared.config);
    yield { kind: 'ready', out, run, config: prepared.config, sets, learner, threads, memory, notes };
    const { config: possible, preprocessing } = prepared;
    const tasks = options.tasks?.({ folder, config: possible, preprocessing, fingerprint: now.fingerprint });
    yield* trained(run, prepared, { ...options, tasks, host }, resumed);
  } catch (error) {
    if (error instanceof LossError)
      throw error.advising('Try a smaller `innerRate`, a tenth of the learning rate, or `clipNorm: 10`.');
    if (!signal?.aborted || error !== signal.reason) throw error;
    yield { kind: 'cancelled', out };
  }
}

/** What a run of meta-learning is trained with. */
interface Surroundings extends Omit<MetaTrainOptions, 'tasks'> {
  readonly tasks: OpenTasks | undefined;
  readonly host: RunHost;
}

/** Trains, and writes the run folder from the moment on when the first step is about to be taken. */
async function* trained(
  run: MetaRun,
  prepared: PreparedMeta,
  { out, overwrite = false, signal, loggers, tasks, profiler, host }: Surroundings,
  resumed: Resumed | null,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { config, architecture, model, preprocessing, initial, onnx } = prepared;
  const { runtime } = model;
  const description = {
    ...describeCheckpoint(architecture, [], preprocessing, seenByMeta(prepared)),
    learner: config.learner,
    ...(learners[config.learner].kind !== 'baseline' && { images: JSON.stringify(imagesLearnedFrom(prepared)) }),
  };
  const store = new RunFolder(out, run, { description, initial, onnx, loggers, host }, resumed?.lock);
  const work = async function* (): AsyncGenerator<TrainEvent, void, undefined> {
    const options = {
      ...metaFitOptions(prepared),
      tasks,
      profiler,
      store,
      ...(signal && { signal }),
      resume: resumed ?? false,
    };
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
