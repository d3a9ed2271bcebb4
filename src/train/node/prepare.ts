import { availableParallelism } from 'node:os';
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
import type { Model, Preprocessing } from '../../models/index.ts';
import { initialise, type Variable } from '../../nn/index.ts';
import { applyRules } from '../../optim/index.ts';
import type { Choices, Runtime } from '../../runtime/index.ts';
import { createRuntime } from '../../runtime/node/index.ts';
import type { ResolvedConfig } from '../config.ts';
import { variablesOf } from '../step.ts';
import { pictureNetwork, type Strategy, strategies } from '../strategy.ts';
import { modelOf } from './backbone.ts';
import { type Checkpoint, readCheckpoint, weightsFor } from './pretrained.ts';
import type { Run } from './run-folder.ts';

/** What is done before the first step, with how far it is. */
export interface Preparation {
  readonly stage: 'checking pictures' | 'timing kernels' | 'extracting features' | 'decoding validation pictures';
  readonly done: number;
  readonly total: number;
}

/** All that a run is made of, before anything is trained. */
export interface Prepared {
  readonly config: ResolvedConfig;
  readonly model: Model;
  readonly strategy: Strategy;
  readonly preprocessing: Preprocessing;
  readonly folder: ImageFolder;
  readonly pool: PicturePool;
  readonly runtime: Runtime;
  readonly variables: ReadonlyMap<string, Variable>;
  /** First values of all variables, pretrained or drawn. */
  readonly initial: Tensors;
  readonly weightsSha256: string | null;
  readonly threads: number;
  readonly onPreparation: (progress: Preparation) => void;
  /** What to do when the run ends, however it ends. */
  readonly cleanups: (() => Promise<void>)[];
}

export interface PrepareOptions {
  /** Lowerings and threads that stand. */
  readonly choices: Choices | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onPreparation: ((progress: Preparation) => void) | undefined;
  readonly cleanups: (() => Promise<void>)[];
}

/** Reads the weights, checks the pictures, sets up the runtime. @throws the signal's reason soon after it is aborted */
export async function prepare(path: string, config: ResolvedConfig, options: PrepareOptions): Promise<Prepared> {
  const { choices, signal, cleanups } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  const model = modelOf(config);
  const strategy: Strategy = strategies[config.strategy];
  const checkpoint = await pretrainedFor(config, model, strategy);
  const preprocessing = resolvePreprocessing(model, config, checkpoint);
  const threads = options.threads ?? config.threads ?? availableParallelism();
  const runtime = createRuntime({
    device: config.device,
    threads,
    ...(choices && { choices }),
    onTuning: ({ done, total }) => onPreparation({ stage: 'timing kernels', done, total }),
  });
  const pool = createPicturePool();
  cleanups.push(() => pool.close());
  const opened = openImageFolder(path, {
    ...imageFolderOptions(config),
    pool,
    onProgress: (done, total) => options.onPreparation?.({ stage: 'checking pictures', done, total }),
  });
  const folder = await unlessAborted(opened, signal);
  if (folder.validation.length === 0) throw new UserError(`${path}: no picture is left to validate with.`);
  const variables = variablesOf(pictureNetwork(model, preprocessing, folder.classes.length));
  const weights = checkpoint ? weightsFor(checkpoint, model, variables, { newHead: true }) : {};
  const initial = { ...initialise(variables.values(), config.seed), ...weights };
  const weightsSha256 = checkpoint?.sha256 ?? null;
  const parts = { config, model, strategy, preprocessing, folder, pool, runtime };
  return { ...parts, variables, initial, weightsSha256, threads, onPreparation, cleanups };
}

/** The weights to start from. @throws UserError where the strategy wants some and there are none, or the reverse */
async function pretrainedFor(config: ResolvedConfig, model: Model, strategy: Strategy): Promise<Checkpoint | null> {
  const { weights, strategy: name } = config;
  if (strategy.pretrained && weights === null) {
    throw new UserError(
      `--strategy ${name} starts from pretrained weights: pass --weights FILE, or --strategy scratch.`,
    );
  }
  if (!strategy.pretrained && weights !== null) {
    throw new UserError(`--strategy ${name} starts from random weights: leave out --weights.`);
  }
  return weights === null ? null : readCheckpoint(weights, model);
}

/** `work`, or the signal's reason as soon as it is aborted; what the work still does then is nobody's concern. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** How a run's configuration reads its folder; the same for every later look at it. */
export function imageFolderOptions(config: ResolvedConfig) {
  const { seed, validationFraction, classDepth, maxPerClass, strict } = config;
  return { seed, validationFraction, classDepth, strict, ...(maxPerClass !== null && { maxPerClass }) };
}

/** What the weights were trained with; where another picture size is asked for, resize and crop keep their proportion. */
function resolvePreprocessing(model: Model, config: ResolvedConfig, checkpoint: Checkpoint | null): Preprocessing {
  const trained = checkpoint?.preprocessing ?? model.preprocessing;
  const crop = config.imageSize ?? trained.crop;
  refuseSide(model, crop);
  const triple = (text: string) => text.split(',').map(Number) as [number, number, number];
  return {
    ...trained,
    crop,
    resize: Math.round((crop * trained.resize) / trained.crop),
    ...(config.mean !== null && { mean: triple(config.mean) }),
    ...(config.std !== null && { std: triple(config.std) }),
  };
}

/** @throws UserError where the model cannot take pictures of that size, with the nearest that it can */
export function refuseSide({ name, sides = {} }: Model, side: number): void {
  const { multipleOf = 1, minimum = multipleOf } = sides;
  if (side >= minimum && side % multipleOf === 0) return;
  const nearest = Math.ceil(Math.max(minimum, Math.round(side / multipleOf) * multipleOf) / multipleOf) * multipleOf;
  const rule = multipleOf > 1 ? `multiples of ${multipleOf} from ${minimum} on` : `${minimum} pixels or more`;
  throw new UserError(`--image-size ${side}: ${name} takes ${rule}. The nearest is ${nearest}.`);
}

/** `run.json` of a run that begins. */
export function describeRun(path: string, prepared: Prepared): Run {
  const { config, folder, model, preprocessing, strategy, runtime, threads, variables, weightsSha256 } = prepared;
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
    weightsSha256,
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
