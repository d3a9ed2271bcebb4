import * as z from 'zod';
import type { Augmentation } from '../../image/augment/augmentation.ts';
import type { AugmentationLevel } from '../../image/augment/levels.ts';
import {
  isAdapting,
  type LearnerEntry,
  type LearnerName,
  learnerNames,
  learners,
  learnersThat,
} from '../../meta/learners.ts';
import type { OptimizerName } from '../../optim/index.ts';
import { augmentation } from '../config/augmentation.ts';
import { choice, type OptionSchemas, orDefault, structured } from '../config/choice.ts';
import { defaultsText, exceptionsText, listed } from '../config/exceptions.ts';
import { type LossOptions, lossOptions } from '../config/loss.ts';
import { type MachineOptions, machineOptions } from '../config/machine.ts';
import { type ModelOptions, modelName, modelOptions } from '../config/model.ts';
import { type OptimizerOptions, optimizerChoice, optimizerOptions, optimizerText } from '../config/optimisation.ts';
import {
  type ScheduleName,
  type ScheduleOptions,
  scheduleChoice,
  scheduleOptions,
  scheduleText,
} from '../config/schedule.ts';
import { type StrategyOptions, strategyOptions } from '../config/strategy.ts';
import { annealing, outerDefaultsOf, type PresetName, presetNames, presets, testedAsTrained } from './learners.ts';
import { type ClassSplit, isClassSplit, splitExpected } from './split.ts';

const statistics = ['batch', 'support', 'running'] as const;
const rotations = ['none', 'train', 'all'] as const;

const learnerTexts = learnerNames.map((name) => `${name}: ${learners[name].description}`);

const firstOrder = learnersThat((learner) => learner.kind === 'gradient' && learner.firstOrderOf !== undefined);
const outerText = (fact: 'optimizer' | 'schedule') =>
  defaultsText(learnerNames.map((name) => [name, outerDefaultsOf(name)[fact]]));

/** The texts of learners that have one, for help. */
function ownTexts<T>(fact: (learner: LearnerEntry) => T | undefined, text: (value: T) => string): string {
  const values = learnerNames.flatMap((name) => {
    const value = fact(learners[name]);
    return value === undefined ? [] : [[name, text(value)] as const];
  });
  return exceptionsText(values);
}

const stepsTexts = ownTexts((learner) => (isAdapting(learner) ? learner.innerSteps : undefined), String);
const rateTexts = ownTexts(
  (learner) => (isAdapting(learner) ? learner.innerRate : undefined),
  ({ plain, residual }) => `${plain}, on residual networks ${residual}`,
);
const outerRateTexts = ownTexts(
  ({ outer }) => (outer?.learningRate === undefined ? undefined : outer),
  ({ optimizer, learningRate }) => `with ${optimizer} ${learningRate}`,
);
const presetTexts = presetNames.map((name) => `${name}: ${presets[name].learner} on ${presets[name].model}`);

/** The learner and its outer gradient. */
export interface MetaLearnerOptions {
  readonly learner: LearnerName | PresetName;
  /** The order of the outer gradient; 1: the inner gradients are taken for constants. Null: 2, for fomaml 1. */
  readonly order: number | null;
  /** The statistics of batch norm; null: batch, or running with pretrained weights. */
  readonly statistics: 'batch' | 'support' | 'running' | null;
  /** Epochs in which the loss after every inner step counts, less and less, for maml++; null: a tenth of them. */
  readonly multiStepEpochs: number | null;
  /** Epochs of first order before those of second, for maml++; null: a third of them. */
  readonly orderEpochs: number | null;
}

export const learnerOptions: OptionSchemas<MetaLearnerOptions> = {
  learner: choice([...learnerNames, ...presetNames])
    .default('maml')
    .describe([...learnerTexts, ...presetTexts].join('; ')),
  order: orDefault(z.int().min(1).max(2)).describe(
    `of the outer gradient, 1: the inner gradients are taken for constants; default: 2, for ${listed(firstOrder)} 1`,
  ),
  statistics: orDefault(choice(statistics)).describe(
    'statistics of batch norm: batch, the queries’ own (transductive: the queries of an episode help each other, ' +
      'as in MAML’s experiments) | support (each query for itself) | running (those that came with the weights). ' +
      'Default: batch, or running with pretrained weights',
  ),
  multiStepEpochs: orDefault(z.int().min(0)).describe(
    `of ${listed(annealing)}: epochs in which the loss after every inner step counts, less and less; default: a ` +
      'tenth of them',
  ),
  orderEpochs: orDefault(z.int().min(0)).describe(
    `of ${listed(annealing)}: epochs of first order before those of second; default: a third of them`,
  ),
};

/** The network and the preprocessing of its images. */
export interface MetaModelOptions
  extends Pick<ModelOptions, 'imageSize' | 'mean' | 'std' | 'colourProfile' | 'orientation'> {
  /** The model, as in ordinary training; null: conv4_32, or the learner's. */
  readonly model: string | null;
  /**
   * The weights that meta-learning starts from: a file, published weights by name or tag, or none; null: the model's
   * published ones.
   */
  readonly weights: string | null;
}

export const metaModelOptions: OptionSchemas<MetaModelOptions> = {
  model: orDefault(modelName).describe('as in ordinary training; default: conv4_32, or what `learner` names'),
  weights: orDefault(z.string()).describe(
    'what meta-learning starts from: a file, published weights by name or tag, or none; default: the model’s ' +
      'published ones',
  ),
  imageSize: modelOptions.imageSize,
  mean: modelOptions.mean,
  std: modelOptions.std,
  colourProfile: modelOptions.colourProfile,
  orientation: modelOptions.orientation,
};

/** The inner loop on the support set of a task. */
export interface MetaInnerOptions {
  /** Steps on the support in training. */
  readonly innerSteps: number | null;
  /** The learning rate of an inner step. */
  readonly innerRate: number | null;
  readonly innerOptimizer: OptimizerName | null;
  /** The momentum of sgd or rmsprop in the inner loop; null: 0. */
  readonly innerMomentum: number | null;
  /** Steps on the support in validation and test. */
  readonly testSteps: number | null;
}

export const innerOptions: OptionSchemas<MetaInnerOptions> = {
  innerSteps: orDefault(z.int().min(1).max(10)).describe(
    `steps on the support in training; default: 1 with images up to 32 pixels, else 5; ${stepsTexts}`,
  ),
  innerRate: orDefault(z.number().positive()).describe(
    'learning rate of an inner step; default: 0.4, with several steps 0.1, with images over 32 pixels 0.01; ' +
      `${rateTexts}`,
  ),
  innerOptimizer: orDefault(optimizerChoice).describe(`${optimizerText}; default: sgd`),
  innerMomentum: orDefault(z.number().min(0).lt(1)).describe('of sgd or rmsprop in the inner loop; default: 0'),
  testSteps: orDefault(z.int().min(1).max(50)).describe(
    'steps on the support in validation and test; default: twice as many as in training, at least 10; for ' +
      `${listed(testedAsTrained)} as many`,
  ),
};

const { classWeights: _, ...losses } = lossOptions;
const { schedule: __, ...schedules } = scheduleOptions;

/** The outer loop. An epoch is the meta-steps between two validations. */
export interface MetaOuterOptions
  extends OptimizerOptions,
    Omit<ScheduleOptions, 'schedule'>,
    Omit<LossOptions, 'classWeights'>,
    Pick<StrategyOptions, 'ema'> {
  /** Null: adam, for reptile sgd. */
  readonly optimizer: OptimizerName | null;
  /** At its peak; null: as in ordinary training, for reptile with sgd 1. */
  readonly learningRate: number | null;
  /** Null: cosine, for reptile linear. */
  readonly schedule: ScheduleName | null;
}

export const outerOptions: OptionSchemas<MetaOuterOptions> = {
  optimizer: orDefault(optimizerChoice).describe(`${optimizerText}; default: ${outerText('optimizer')}`),
  learningRate: orDefault(z.number().positive()).describe(
    `peak learning rate; default: as in ordinary training, ${outerRateTexts}`,
  ),
  ...optimizerOptions,
  schedule: orDefault(scheduleChoice).describe(`${scheduleText}; default: ${outerText('schedule')}`),
  ...schedules,
  ...losses,
  ema: strategyOptions.ema,
};

/** The shape and the number of the tasks. */
export interface MetaEpisodeOptions {
  /** Classes of an episode. */
  readonly way: number;
  /** Images of each class in the support set. */
  readonly shots: number;
  /** Other images of each class in the query set. */
  readonly queries: number;
  /** Episodes of a meta-step. */
  readonly metaBatch: number;
  /** Meta-steps in all. */
  readonly metaSteps: number;
  /** Meta-steps between two validations, an epoch of logs and schedules; null: 100. */
  readonly validateEvery: number | null;
  /** Episodes of a validation: the same ones every time. */
  readonly episodes: number;
  readonly split: ClassSplit;
  /** Whether classes turned by 90, 180 and 270 degrees are classes too, of the training side or of all. */
  readonly rotations: 'none' | 'train' | 'all';
  /** The augmentation of the images of training episodes, support and queries alike; null: none. */
  readonly augment: AugmentationLevel | Augmentation | null;
  /** Every episode has all classes, each under its own label, and only the images are drawn. */
  readonly fixedLabels: boolean;
  /** Stops after so many validations without a better one; null: never. */
  readonly patience: number | null;
}

export const episodeOptions: OptionSchemas<MetaEpisodeOptions> = {
  way: z.int().min(2).max(1000).default(5).describe('classes of an episode'),
  shots: z.int().min(1).max(1000).default(5).describe('images of each class in the support set'),
  queries: z.int().min(1).max(1000).default(15).describe('other images of each class in the query set'),
  metaBatch: z.int().min(1).max(1000).default(4).describe('episodes of a meta-step'),
  metaSteps: z.int().min(1).default(2000).describe('outer steps in all'),
  validateEvery: orDefault(z.int().min(1)).describe(
    'meta-steps between two validations, an epoch of logs and schedules; default: 100',
  ),
  episodes: z.int().min(2).default(100).describe('episodes of a validation: the same ones every time'),
  split: structured<ClassSplit>(splitExpected, (value) => (isClassSplit(value) ? undefined : true))
    .default('auto')
    .describe('which classes train, validate and test'),
  rotations: choice(rotations)
    .default('none')
    .describe(
      'none | train | all: classes turned by 90, 180 and 270 degrees are classes too, of the training side or of all',
    ),
  augment: orDefault(augmentation).describe(
    'augmentation of the images of training episodes, support and queries alike; default: none, for drawings a ' +
      'crop from 0.7 and a rotation of 10 degrees are a beginning',
  ),
  fixedLabels: z
    .boolean()
    .default(false)
    .describe(
      'every episode has all classes, each under its own label, and only the images are drawn: phase one of a ' +
        'partial transfer, which goes on with `adaptMeta(run, folder)` and training with `transferRatio`',
    ),
  patience: orDefault(z.int().min(1)).describe(
    'stop after this many validations without improvement; the best counts in any case',
  ),
};

/** The machine and reproducibility. */
export type MetaMachineOptions = Omit<MachineOptions, 'disk'>;

export const metaMachineOptions: OptionSchemas<MetaMachineOptions> = {
  seed: machineOptions.seed.describe('decides initialisation, split and episodes'),
  device: machineOptions.device,
  threads: machineOptions.threads.describe(
    'episodes side by side, a thread each; default: all cores, at most `metaBatch`',
  ),
  memory: machineOptions.memory.describe('MiB that the decoded images may take'),
  log: machineOptions.log,
};
