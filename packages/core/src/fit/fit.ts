import { OptionError } from '../base/errors.ts';
import type { Tensors } from '../base/tensor.ts';
import { type Augmentation, type AugmentationLevel, augmentationOf } from '../image/augment/index.ts';
import { type BatchNormPolicy, crossEntropyLoss, type Loss } from '../nn/index.ts';
import {
  adamw,
  type Clipping,
  clipperOf,
  type GradientTransform,
  type Optimizer,
  oneCycle,
  type Schedule,
} from '../optim/index.ts';
import { copy } from '../runtime/index.ts';
import type { CheckpointStore, Progress } from './checkpoint.ts';
import type { Course } from './course.ts';
import type { Criterion } from './evaluation.ts';
import type { TrainEvent } from './events.ts';
import { type Examples, type FitData, isImageSet, openExamples, type Transform, transformed } from './examples.ts';
import { settingsOf } from './fit-rates.ts';
import { openSources } from './fit-sources.ts';
import { stagesOf, type Unfreezing } from './fit-stages.ts';
import { courseOf } from './image-stage.ts';
import { type Metric, metricsIn } from './metrics.ts';
import type { Mixing } from './mixing.ts';
import type { Model } from './model.ts';
import { epochOrder } from './sampling.ts';
import { inOrder, type Source } from './source.ts';
import type { TrainingTask } from './task.ts';
import { runCourse } from './trainer.ts';

/** A store in which a fit saves its state and finds it again. */
export interface FitStore<M extends string = 'accuracy'> extends CheckpointStore<M> {
  /** The state saved last, for `resume`. Null where there is none. */
  load?(): Promise<SavedFit<M> | null>;
  /** The fit has ended, however that came: nothing more is written. */
  finish?(): Promise<void>;
}

/** The state of a fit, with the values of its best epoch. */
export interface SavedFit<M extends string = 'accuracy'> {
  readonly tensors: Tensors;
  readonly phase: Progress<M>;
  readonly best?: Tensors | undefined;
}

/** Options of `fit`. `M` are the names of the metrics: evaluations have a number under each. */
export interface FitOptions<M extends string = 'accuracy'> {
  /** Default 10. */
  readonly epochs?: number;
  /** Examples per batch. Default 16. */
  readonly batchSize?: number;
  /** The optimizer with its learning rates: `adamw({ rates: { head: 1e-3, layer4: 1e-4 } })`. Default: `adamw()`. */
  readonly optimizer?: Optimizer;
  /**
   * The learning rate at each step; a schedule without numbers of its own goes by the optimizer's and over the whole
   * run. Default: `oneCycle()`.
   */
  readonly schedule?: Schedule;
  /** Output and target to what is made small. Default: `crossEntropyLoss()`. */
  readonly loss?: Loss;
  /** Default: `[accuracy()]`. */
  readonly metrics?: readonly Metric<M>[];
  /** The criterion of the best epoch: `loss`, or a metric. Default: the first metric. */
  readonly best?: M | 'loss';
  /**
   * The augmentation, drawn anew for each image in every epoch: `light`, `standard`, `strong`, or a list of operations.
   * Default: none.
   */
  readonly augment?: AugmentationLevel | Augmentation;
  /** Changes batches of training examples, after the augmentation. */
  readonly transform?: Transform;
  /** Mixes the images of a batch with one another. Default: not. */
  readonly mixing?: Mixing;
  /** Parameters that are trained from an epoch on, besides those that the model does not freeze. */
  readonly unfreeze?: readonly Unfreezing[];
  /** Limits on the gradients, or what else is done to all of them together. Default: none. */
  readonly clip?: Clipping | GradientTransform;
  /** Batches that make one step. Default 1. */
  readonly accumulate?: number;
  /**
   * The decay of moving averages of the parameters, which are then what is evaluated and kept: 0.999. Default: none.
   */
  readonly average?: number;
  /** Epochs without a better one after which the last stage ends. Default: no end before `epochs`. */
  readonly patience?: number;
  /** The statistics of batch norms in layers that are trained; frozen ones keep theirs. Default `running`. */
  readonly batchNorm?: BatchNormPolicy;
  /** Whether weight decay applies to biases and the parameters of norms, too. Default false. */
  readonly normDecay?: boolean;
  /**
   * `shuffle`: each example once in an epoch. `balanced`: drawn so that every class is equally likely. Default
   * `shuffle`.
   */
  readonly sampling?: 'shuffle' | 'balanced';
  /** MiB for what frozen layers make of examples, and for decoded validation images. Default 1024. */
  readonly memory?: number;
  /** Decides order, augmentation, transforms and dropout. Default 0. */
  readonly seed?: number;
  /** The step under way is finished, the state saved, and the run ends with the event `interrupted`. */
  readonly signal?: AbortSignal;
  readonly store?: FitStore<M>;
  /**
   * Goes on from what the store saved last. The fit ends bit for bit like one that was not interrupted. Default false.
   */
  readonly resume?: boolean;
  /** Hear every event before the reader does. */
  readonly callbacks?: readonly ((event: TrainEvent<M>) => void | Promise<void>)[];
}

/**
 * Trains what a model does not freeze, epoch by epoch: steps, an evaluation, a checkpoint. Its events say how it goes;
 * a reader may stop at any of them. After each evaluation the model has the values that were evaluated, and at the end
 * those of the best epoch.
 *
 * Layers before the first that is trained run once over the examples where these stay the same, and training goes on
 * from their outputs.
 *
 * @throws OptionError for an option that means nothing here; LossError where the loss is no longer a number
 * @example
 * for await (const event of fit(model, { train, validation }, { epochs: 5, optimizer: sgd({ learningRate: 0.01 }) })) {
 *   if (event.kind === 'evaluation') console.log(event.epoch, event.loss, event.accuracy);
 * }
 */
export async function* fit<M extends string = 'accuracy'>(
  model: Model,
  data: FitData,
  options: FitOptions<M> = {},
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  const { store } = options;
  const course = showing(model, courseOf(fitTask(model, data, options)));
  model.trainedOn(data);
  try {
    yield* fitCourse(model, course, options);
  } finally {
    await store?.finish?.();
  }
}

async function* fitCourse<M extends string>(
  model: Model,
  course: Course<M>,
  { signal, store, resume, callbacks = [] }: FitOptions<M>,
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  const saved = resume ? await savedIn(store) : null;
  let best = saved?.best;
  const keeping: CheckpointStore<M> = {
    record: async (event) => store?.record(event),
    saveLast: async (tensors, phase) => store?.saveLast(tensors, phase),
    saveBest: async (tensors, evaluation) => {
      best = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, copy(value)]));
      await store?.saveBest(tensors, evaluation);
    },
  };
  const run = { runtime: model.runtime, store: keeping, ...(signal && { signal }), ...(saved && { resume: saved }) };
  for await (const event of runCourse(course, run)) {
    if (event.kind === 'end' && best) model.load(best);
    for (const callback of callbacks) await callback(event);
    yield event;
  }
}

async function savedIn<M extends string>(store: FitStore<M> | undefined): Promise<SavedFit<M> | null> {
  if (store?.load) return store.load();
  throw new OptionError({
    option: 'resume',
    expected: 'false, or a store that can load what it saved',
    received: true,
  });
}

/** The course with the model following it: it takes over what is evaluated. */
function showing<M extends string>(model: Model, course: Course<M>): Course<M> {
  const stages = course.stages.map((stage): Course<M>['stages'][number] => ({
    ...stage,
    async open(variables, runtime) {
      const open = await stage.open(variables, runtime);
      return {
        ...open,
        evaluate(now, signal) {
          // The state's own buffers change with the next steps.
          model.load(Object.fromEntries(Object.entries(now).map(([name, value]) => [name, copy(value)])));
          return open.evaluate(model.variables, signal);
        },
      };
    },
  }));
  return { ...course, stages };
}

/** Resolves the options of `fit` to the trainer's task. @throws OptionError */
export function fitTask<M extends string = 'accuracy'>(
  model: Model,
  data: FitData,
  options: FitOptions<M> = {},
): TrainingTask<M> {
  const { optimizer = adamw(), loss = crossEntropyLoss(), schedule = oneCycle(), epochs = 10, seed = 0 } = options;
  const whole = (option: 'epochs' | 'batchSize' | 'accumulate', value: number) => {
    if (Number.isInteger(value) && value >= 1) return value;
    throw new OptionError({ option, expected: 'a whole number from 1 on', received: value });
  };
  const training = trainingSource('data.train', data.train, model, options);
  const judging = data.validation && data.validation.size > 0 ? data.validation : data.train;
  const validation = openExamples('data.validation', judging, model);
  const batchSize = Math.min(whole('batchSize', options.batchSize ?? 16), training.size);
  const accumulate = Math.min(whole('accumulate', options.accumulate ?? 1), Math.floor(training.size / batchSize));
  const stepsPerEpoch = Math.floor(Math.floor(training.size / batchSize) / accumulate);
  const metrics = checkedMetrics(metricsIn(options));
  const planned = stagesOf(model, whole('epochs', epochs), options.unfreeze ?? []);
  const rates = { optimizer, schedule, stepsPerEpoch, normDecay: options.normDecay ?? false };
  const stages = settingsOf(model, planned, rates).map((stage) => {
    const isSame = !options.transform && !(isImageSet(data.train) && options.augment);
    const { network, mixes, open } = openSources(model, stage.settings, {
      training,
      validation,
      isSame,
      mixing: options.mixing,
      memory: options.memory ?? 1024,
      seed,
    });
    return { ...stage, network, mixes, open };
  });
  return {
    stages,
    stepsPerEpoch,
    warmup: Math.round(stepsPerEpoch / 2),
    initial: model.variables,
    optimizer,
    loss,
    target: training.target,
    metrics,
    criterion: criterionOf(options.best, metrics),
    clip: options.clip && clipperOf(options.clip),
    batchNorm: options.batchNorm ?? 'running',
    batchSize,
    accumulate,
    order: orderOf(training, options.sampling ?? 'shuffle', seed),
    average: options.average ?? null,
    patience: options.patience ?? null,
    seed,
  };
}

/** Examples to train on, as a model takes them: augmented, and transformed. @throws OptionError where they cannot be */
export function trainingSource(
  option: string,
  examples: Examples,
  model: Model,
  { augment, transform, seed = 0 }: Pick<FitOptions, 'augment' | 'transform' | 'seed'>,
): Source {
  if (augment && !isImageSet(examples)) {
    const expected = 'a set of images to train on; a transform changes batches';
    throw new OptionError({ option: 'augment', expected, received: 'batches' });
  }
  const source = openExamples(option, examples, model, {
    augmentation: augment && augmentationOf(augment),
    seed,
  });
  return transform ? transformed(source, transform, seed) : source;
}

/** Names that an evaluation has already. */
const taken: ReadonlySet<string> = new Set([
  ...['kind', 'loss', 'epoch', 'stage', 'step', 'training', 'isBest', 'learningRate', 'seconds'],
]);

function checkedMetrics<M extends string>(metrics: readonly Metric<M>[]): readonly Metric<M>[] {
  const names = metrics.map(({ name }) => name);
  const wrong = names.find((name, i) => taken.has(name) || names.indexOf(name) < i);
  if (wrong === undefined) return metrics;
  const expected = `metrics of different names, none of them ${[...taken].join(', ')}`;
  throw new OptionError({ option: 'metrics', expected, received: wrong });
}

function criterionOf<M extends string>(
  best: M | 'loss' | undefined,
  metrics: readonly Metric<M>[],
): Criterion<M> | undefined {
  if (best === undefined) return undefined;
  if (best === 'loss') return { name: best, higherIsBetter: false };
  const metric = metrics.find(({ name }) => name === best);
  if (metric) return metric;
  const names = ['loss', ...metrics.map(({ name }) => name)];
  throw new OptionError({ option: 'best', expected: `one of: ${names.join(', ')}`, received: best });
}

/** Positions in a source, in the order of an epoch (from 1). @throws OptionError where a source cannot be sampled so */
export function orderOf(
  source: Source,
  sampling: 'shuffle' | 'balanced',
  seed: number,
): (epoch: number) => readonly number[] {
  const order = inOrder(source.size);
  if (sampling === 'shuffle') return source.isSequential ? () => order : epochOrder('shuffle', order, seed);
  if (source.labels && !source.isSequential) return epochOrder('balanced', source.labels, seed);
  const expected = 'shuffle: the labels of these examples are not known beforehand';
  throw new OptionError({ option: 'sampling', expected, received: sampling });
}
