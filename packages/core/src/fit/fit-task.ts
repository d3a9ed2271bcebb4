import { OptionError } from '../base/errors.ts';
import { augmentationOf } from '../image/augment/index.ts';
import { crossEntropyLoss } from '../nn/index.ts';
import { adamw, clipperOf, type Optimizer, oneCycle, type Schedule } from '../optim/index.ts';
import type { Criterion } from './evaluation.ts';
import { type Examples, type FitData, type ImageView, isImageSet, openExamples, transformed } from './examples.ts';
import type { FitOptions } from './fit-options.ts';
import { assertOptimizer, withRates } from './fit-rates.ts';
import { openSources, type StageExamples } from './fit-sources.ts';
import { type FitStage, unfrozenStages } from './fit-stages.ts';
import { type Metric, metricsIn } from './metrics.ts';
import type { Model } from './model.ts';
import { orderOf } from './sampling.ts';
import type { Source } from './source.ts';
import type { TrainingTask } from './task.ts';

/** Resolves the options of `fit` to the trainer's task. @throws OptionError */
export function fitTask<M extends string = 'accuracy'>(
  model: Model,
  data: FitData,
  options: FitOptions<M> = {},
): TrainingTask<M> {
  const { optimizer = adamw(), loss = crossEntropyLoss(), seed = 0, memory = 1024, disk = 4096 } = options;
  assertCall(data, optimizer, loss, options.schedule);
  const augmented = augmentedExamples(data.train, model, options);
  const plain = options.augment ? augmentedExamples(data.train, model, { ...options, augment: undefined }) : augmented;
  const training = augmented.source;
  const judging = data.validation && data.validation.size > 0 ? data.validation : data.train;
  const validation = stageExamples(judging, openExamples('data.validation', judging, model), model);
  const batchSize = Math.min(whole('batchSize', options.batchSize ?? 16), training.size);
  const accumulate = Math.min(whole('accumulate', options.accumulate ?? 1), Math.floor(training.size / batchSize));
  const stepsPerEpoch = Math.floor(Math.floor(training.size / batchSize) / accumulate);
  const metrics = checkedMetrics(metricsIn(options));
  const stages = stagesOf(model, options, stepsPerEpoch).map(({ augments = true, mixes = true, ...stage }) => ({
    ...stage,
    ...openSources(model, stage.settings, {
      training: augments ? augmented : plain,
      validation,
      mixing: mixes ? options.mixing : undefined,
      seed,
      memory,
      cache: options.cache ?? null,
      disk,
      decoder: isImageSet(data.train) ? (data.train.decoder ?? '') : '',
      onFeatures: options.onFeatures ?? (() => {}),
      onNote: options.onNote ?? (() => {}),
      extract: options.extract,
    }),
  }));
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

/** @throws OptionError for a call that TypeScript would not let pass */
function assertCall(data: unknown, optimizer: Optimizer, loss: unknown, schedule: Schedule | undefined): void {
  if (typeof data !== 'object' || data === null) {
    throw new OptionError({ option: 'data', expected: 'datasets: { train, validation }', received: data });
  }
  assertOptimizer(optimizer);
  if (typeof loss !== 'function') {
    throw new OptionError({ option: 'loss', expected: 'a loss: crossEntropyLoss(), or a function', received: loss });
  }
  if (schedule === undefined) return;
  // A factory that was not called is a function, too.
  const rate: unknown = typeof schedule === 'function' && schedule(0, [], { steps: 1, learningRate: 1 });
  if (typeof rate === 'number') return;
  throw new OptionError({
    option: 'schedule',
    expected: 'a schedule: cosine(), with its brackets',
    received: typeof rate,
  });
}

function whole(option: 'epochs' | 'batchSize' | 'accumulate' | 'views', value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new OptionError({ option, expected: 'a whole number from 1 on', received: value });
}

/** The stages that were given, or those of the other options. */
function stagesOf<M extends string>(model: Model, options: FitOptions<M>, stepsPerEpoch: number): readonly FitStage[] {
  const { optimizer = adamw(), schedule = oneCycle(), epochs = 10, unfreeze = [], normDecay = false } = options;
  if (options.stages) return options.stages;
  const unfrozen = unfrozenStages(model, whole('epochs', epochs), unfreeze);
  return withRates(model, unfrozen, { optimizer, schedule, stepsPerEpoch, normDecay });
}

/** Training examples for the stages: augmented and transformed as the options say. */
function augmentedExamples<M extends string>(train: Examples, model: Model, options: FitOptions<M>): StageExamples {
  const { augment, transform, seed = 0, views = null } = options;
  const source = trainingSource('data.train', train, model, options);
  const augmentation = augment ? augmentationOf(augment) : [];
  if (!transform && augmentation.length === 0) return stageExamples(train, source, transform ? null : model);
  const keys = isImageSet(train) && !transform ? train.keys : undefined;
  const key = (image: number, view: number) => JSON.stringify([keys![image], seed, augmentation, image, view]);
  const count = views === null ? null : whole('views', views);
  const origin = transform ? null : originOf(train, model, { augmentation, seed });
  return { source, views: count, key: keys ? key : null, origin };
}

/** Examples that are the same in every epoch. @param model null where its views of images are transformed */
function stageExamples(examples: Examples, source: Source, model: Pick<Model, 'image'> | null): StageExamples {
  const keys = isImageSet(examples) ? examples.keys : undefined;
  const origin = model && originOf(examples, model, {});
  return { source, views: 1, key: keys ? (example) => keys[example]! : null, origin };
}

/** The images that examples are views of. */
function originOf(
  examples: Examples,
  { image }: Pick<Model, 'image'>,
  how: Pick<ImageView, 'augmentation' | 'seed'>,
): StageExamples['origin'] {
  if (!isImageSet(examples) || !image) return null;
  return { images: examples, view: { preprocessing: image.preprocessing, ...how } };
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
