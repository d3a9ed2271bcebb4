import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { env } from 'onnxruntime-node';
import { UserError } from '../../base/errors.ts';
import { sizeOf, type Tensors } from '../../base/tensor.ts';
import { version } from '../../base/version.ts';
import {
  createPicturePool,
  fingerprint,
  type ImageFolder,
  openImageFolder,
  type PicturePool,
} from '../../data/index.ts';
import { constant } from '../../graph/index.ts';
import { getModel, isHead, type Model, type Preprocessing } from '../../models/index.ts';
import { initialise, type Variable } from '../../nn/index.ts';
import { applyRules } from '../../optim/index.ts';
import type { Program, Runtime } from '../../runtime/index.ts';
import { createRuntime } from '../../runtime/node/index.ts';
import {
  optimizerOf,
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  scheduleOf,
  type TrainConfigInput,
} from '../config.ts';
import type { TrainEvent } from '../events.ts';
import { held, type Source, throughTrunk } from '../source.ts';
import { variablesOf } from '../step.ts';
import { headNetwork, pictureNetwork, type Strategy, strategies, trunkGraph } from '../strategy.ts';
import { type TrainingTask, train } from '../trainer.ts';
import { pictureSource } from './picture-source.ts';
import { type Checkpoint, readCheckpoint, weightsFor } from './pretrained.ts';
import { type Run, RunFolder, readLast, readRun } from './run-folder.ts';

/** What is done before the first step, with how far it is. */
export interface Preparation {
  readonly stage: 'checking pictures' | 'timing kernels' | 'extracting features';
  readonly done: number;
  readonly total: number;
}

/** A run is about to begin: what was resolved, before anything is trained. */
export interface ReadyEvent {
  readonly kind: 'ready';
  readonly out: string;
  readonly run: Run;
  readonly folder: ImageFolder;
}

export type FolderEvent = ReadyEvent | TrainEvent;

export interface TrainFolderOptions {
  /** The run folder to make. */
  readonly out: string;
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
  readonly onPreparation?: (progress: Preparation) => void;
}

/**
 * A folder of labelled pictures in, a run folder with a trained classifier out.
 * @throws UserError for anything wrong with the folder, the weights or the options, before training starts.
 * @example for await (const event of trainFolder('photos', { weights: 'resnet18.safetensors' }, { out: 'runs/x' })) …
 */
export async function* trainFolder(
  folder: string,
  config: TrainConfigInput,
  options: TrainFolderOptions,
): AsyncGenerator<FolderEvent, void, undefined> {
  const parsed = parseConfig(config);
  const weights = parsed.weights === null ? null : resolve(parsed.weights);
  yield* runTraining(resolve(folder), resolveConfig({ ...parsed, weights }), options, null);
}

/** Goes on with a run where it stopped. It ends bit for bit as if it had not stopped. */
export async function* resumeTraining(
  out: string,
  options: Omit<TrainFolderOptions, 'out' | 'overwrite'> = {},
): AsyncGenerator<FolderEvent, void, undefined> {
  const run = await readRun(out);
  if (run.status === 'done') throw new UserError(`${out} is complete: it has its ${run.config.epochs} epochs.`);
  const last = await readLast(out);
  yield* runTraining(run.folder, resolveConfig(run.config), { ...options, out }, { run, ...last });
}

type Resumed = { run: Run } & Awaited<ReturnType<typeof readLast>>;

async function* runTraining(
  path: string,
  config: ResolvedConfig,
  options: TrainFolderOptions,
  resumed: Resumed | null,
): AsyncGenerator<FolderEvent, void, undefined> {
  const { out, signal, onPreparation } = options;
  const model = getModel(config.model);
  const strategy: Strategy = strategies[config.strategy];
  const checkpoint = config.weights === null ? null : await readCheckpoint(config.weights, model);
  if (strategy.pretrained && !checkpoint) {
    throw new UserError(
      `--strategy ${config.strategy} starts from pretrained weights: pass --weights FILE, or --strategy scratch.`,
    );
  }
  if (checkpoint && !strategy.pretrained) {
    throw new UserError(`--strategy ${config.strategy} starts from random weights: leave out --weights.`);
  }
  const preprocessing = resolvePreprocessing(model, config.imageSize, checkpoint);
  const threads = resumed?.run.threads ?? config.threads ?? availableParallelism();
  const pool = createPicturePool();
  const programs: Program[] = [];
  try {
    const folder = await openImageFolder(path, {
      ...imageFolderOptions(config),
      pool,
      onProgress: (done, total) => onPreparation?.({ stage: 'checking pictures', done, total }),
    });
    if (folder.validation.length === 0) throw new UserError(`${path}: no picture is left to validate with.`);
    if (resumed && fingerprint(folder) !== resumed.run.dataset.fingerprint) {
      throw new UserError(`${path} has changed since ${out} was started; the run cannot go on. Start a new one.`);
    }
    const runtime = createRuntime({
      device: config.device,
      threads,
      ...(resumed && { choices: resumed.run.choices }),
      onTuning: ({ done, total }) => onPreparation?.({ stage: 'timing kernels', done, total }),
    });
    const network = pictureNetwork(model, preprocessing, folder.classes.length);
    const variables = variablesOf(network);
    const weights = checkpoint ? weightsFor(checkpoint, model, variables, { newHead: true }) : {};
    const initial = { ...initialise(variables.values(), config.seed), ...weights };
    const run =
      resumed?.run ??
      describeRun(path, config, { folder, model, preprocessing, strategy, runtime, threads, variables });
    const frozen = strategy.frozenTrunk ? without(initial, (name) => isHead(model, name)) : {};
    const store = resumed
      ? await RunFolder.reopen(out, run, frozen, resumed.phase.epoch)
      : await RunFolder.create(out, run, frozen, { overwrite: options.overwrite ?? false });
    yield { kind: 'ready', out, run, folder };

    const parts = { config, model, preprocessing, folder, pool, runtime, initial, programs, onPreparation };
    const task = strategy.frozenTrunk ? await headTask(parts) : pictureTask(parts, strategy);
    await store.update({ choices: runtime.choices });
    let learningRate = 0;
    for await (const event of train(task, {
      runtime,
      store,
      ...(signal && { signal }),
      ...(resumed && { resume: resumed }),
    })) {
      if (event.kind === 'start') await store.update({ choices: runtime.choices });
      if (event.kind === 'step') learningRate = event.learningRate;
      if (event.kind === 'evaluation') await store.log(event, learningRate);
      if (event.kind === 'interrupted') await store.update({ status: 'interrupted' });
      if (event.kind === 'end') await store.update({ status: 'done', best: event.best });
      yield event;
    }
  } finally {
    await Promise.all([pool.close(), ...programs.map((program) => program.release())]);
  }
}

interface Parts {
  readonly config: ResolvedConfig;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  readonly folder: ImageFolder;
  readonly pool: PicturePool;
  readonly runtime: Runtime;
  readonly initial: Tensors;
  /** Programs to release when the run ends. */
  readonly programs: Program[];
  readonly onPreparation: ((progress: Preparation) => void) | undefined;
}

/** Everything is trained, on pictures that are augmented anew in every epoch. */
function pictureTask(parts: Parts, strategy: Strategy): TrainingTask {
  const { config, model, preprocessing, folder, pool, initial } = parts;
  const augmentation = config.augment ? config : null;
  return {
    ...taskOptions(config),
    network: pictureNetwork(model, preprocessing, folder.classes.length),
    training: pictureSource(pool, folder.train, preprocessing, augmentation),
    validation: pictureSource(pool, folder.validation, preprocessing, null),
    pretrained: initial,
    rules: strategy.rules(model),
    batchNorm: strategy.batchNorm,
  };
}

/** Only the head is trained, on what the frozen trunk makes of each picture, computed once. */
async function headTask(parts: Parts): Promise<TrainingTask> {
  const { config, model, preprocessing, folder, pool, runtime, initial, onPreparation } = parts;
  const batchSize = Math.min(16, folder.train.length + folder.validation.length);
  const features = trunkGraph(model, preprocessing, batchSize, ({ name }) => constant(initial[name]!));
  const program = await runtime.compile({ features });
  parts.programs.push(program);
  const shape = features.shape.slice(1);
  const total = folder.train.length + folder.validation.length;
  const fits = total * sizeOf(shape) * 4 <= config.featureMemory * 2 ** 20;
  let before = 0;
  const source = async (pictures: ImageFolder['train']): Promise<Source> => {
    const computed = throughTrunk(pictureSource(pool, pictures, preprocessing, null), program);
    if (!fits) return computed;
    const onProgress = (done: number) => onPreparation?.({ stage: 'extracting features', done: before + done, total });
    const cached = await held(computed, shape, { batchSize, onProgress });
    before += pictures.length;
    return cached;
  };
  return {
    ...taskOptions(config),
    network: headNetwork(model, features, folder.classes.length),
    training: await source(folder.train),
    validation: await source(folder.validation),
    pretrained: without(initial, (name) => !isHead(model, name)),
    rules: [[/.*/, { rate: 1 }]],
    batchNorm: 'frozen',
  };
}

function taskOptions(config: ResolvedConfig) {
  const { epochs, batchSize, seed, labelSmoothing } = config;
  return {
    epochs,
    batchSize,
    seed,
    loss: { labelSmoothing },
    optimizer: optimizerOf(config),
    schedule: scheduleOf(config),
  };
}

/** How a run's configuration reads its folder; the same for every later look at it. */
export function imageFolderOptions(config: ResolvedConfig) {
  const { seed, validationFraction, classDepth, maxPerClass, strict } = config;
  return { seed, validationFraction, classDepth, strict, ...(maxPerClass !== null && { maxPerClass }) };
}

/** What the weights were trained with; where another picture size is asked for, resize and crop keep their proportion. */
function resolvePreprocessing(model: Model, imageSize: number | null, checkpoint: Checkpoint | null): Preprocessing {
  const trained = checkpoint?.preprocessing ?? model.preprocessing;
  if (imageSize === null) return trained;
  return { ...trained, crop: imageSize, resize: Math.round((imageSize * trained.resize) / trained.crop) };
}

function describeRun(
  path: string,
  config: ResolvedConfig,
  parts: {
    folder: ImageFolder;
    model: Model;
    preprocessing: Preprocessing;
    strategy: Strategy;
    runtime: Runtime;
    threads: number;
    variables: ReadonlyMap<string, Variable>;
  },
): Run {
  const { folder, model, preprocessing, strategy, runtime, threads, variables } = parts;
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  const settings = applyRules(
    parameters.map(({ name }) => name),
    strategy.rules(model),
  );
  const count = (chosen: readonly Variable[]) => chosen.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    graft: version,
    status: 'running',
    config,
    folder: path,
    classes: [...folder.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: strategy.batchNorm,
    dataset: {
      fingerprint: fingerprint(folder),
      train: folder.train.length,
      validation: folder.validation.length,
      test: folder.test.length,
      leftOut: folder.problems.map(({ path: at, kind }) => ({ path: at, kind })),
    },
    parameters: {
      total: count(parameters),
      trained: count(parameters.filter(({ name }) => settings.get(name))),
    },
    versions: { node: process.versions.node, onnxruntime: env.versions.node ?? 'unknown' },
    device: runtime.device,
    threads,
    choices: {},
    best: null,
  };
}

function without(tensors: Tensors, drop: (name: string) => boolean): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => !drop(name)));
}
