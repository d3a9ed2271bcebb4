import { choiceError } from '../base/choice.ts';
import { OptionError } from '../base/errors.ts';
import type { TrainEvent } from '../fit/events.ts';
import { fitCourse } from '../fit/fit.ts';
import type { RunOptions } from '../fit/fit-options.ts';
import { assertOptimizer } from '../fit/fit-rates.ts';
import type { Model } from '../fit/model.ts';
import { crossEntropy, initialise, type Variable } from '../nn/index.ts';
import {
  adam,
  type Clipping,
  clipperOf,
  constant,
  type GradientTransform,
  type Optimizer,
  type ParameterSetting,
  type Schedule,
  sgd,
  usualLearningRate,
} from '../optim/index.ts';
import { inSequence } from '../runtime/index.ts';
import type { EpisodeSource } from './episode.ts';
import type { Learner, Statistics } from './learner.ts';
import { type LearnerName, learnerNames, learners, makeLearner } from './learners.ts';
import { type MetaTask, metaCourse } from './meta-course.ts';
import { type OuterPhase, outerPhases } from './outer-phases.ts';
import { learnerVariables } from './task-graph.ts';
import { type CompileTasks, type OpenTasks, tasksHere } from './task-program.ts';

/** The classes to learn from, and those that judge. */
export interface MetaFitData {
  readonly train: EpisodeSource;
  readonly validation: EpisodeSource;
}

/** Options of `metaFit`. */
export interface MetaFitOptions extends RunOptions {
  /** The learner, by name or made by `makeLearner`. Default: `maml`. */
  readonly learner?: LearnerName | Learner;
  /** Inner steps in training, of a learner by name. Default 5. */
  readonly innerSteps?: number;
  /** The rate of an inner step, of a learner by name. Default 0.1. */
  readonly innerRate?: number;
  /** The statistics of batch norms, of a learner by name. Default: `batch`, as in MAML. */
  readonly statistics?: Statistics;
  /** Classes of an episode. Default 5. */
  readonly way?: number;
  /** Images of each class in the support set. Default 1. */
  readonly shots?: number;
  /** Images of each class among the queries. Default 15. */
  readonly queries?: number;
  /** Default 10. */
  readonly epochs?: number;
  /** Outer steps between two validations, which are an epoch. Default 100. */
  readonly stepsPerEpoch?: number;
  /** Episodes of one outer step. Default 4. */
  readonly tasksPerStep?: number;
  /** Episodes of a validation, the same in every epoch. Default 100. */
  readonly validationEpisodes?: number;
  /** Inner steps in validation. Default: as in training. */
  readonly testSteps?: number;
  /** The form of the outer gradient by phase, in place of `epochs`. Default: the learner's. */
  readonly phases?: readonly OuterPhase[];
  /** Of the outer loop, with its learning rate. Default: `adam()`. */
  readonly optimizer?: Optimizer;
  /** The learning rate by outer step. Default: the optimizer's, which stays. */
  readonly schedule?: Schedule;
  /** Limits on the outer gradients. Default: none. */
  readonly clip?: Clipping | GradientTransform;
  /** The decay of moving averages, which are then what is evaluated and kept. Default: none. */
  readonly average?: number;
  /** Epochs without a better one after which the run ends. Default: no end before `epochs`. */
  readonly patience?: number;
  /** Decides episodes, and first values that the model does not have: learned inner rates. Default 0. */
  readonly seed?: number;
  /** Runs the graph of a task for many tasks. Default: one after the other. */
  readonly parallel?: CompileTasks | undefined;
  /**
   * Does the tasks of training and validation elsewhere, in the place of `parallel`. The fit is the same to the bit: the
   * gradients of a step's tasks are summed in their order.
   */
  readonly tasks?: OpenTasks | undefined;
}

/**
 * Meta-learning: trains a model to be a good start for tasks of a few images of each class, in `fit`'s loop, with
 * episodes for batches. After each validation the model has the values that were evaluated, and at the end those of the
 * best epoch; what a learner learns besides (inner rates) is in the store's checkpoints.
 *
 * @throws OptionError for a baseline, which is not trained; UserError where the classes or images are too few for the
 *   episodes; LossError where the loss is no longer a number
 * @example
 * for await (const event of metaFit(model, sets, { learner: 'boil', way: 5, shots: 1, innerSteps: 5, innerRate: 0.1 })) …
 */
export function metaFit(
  model: Model,
  data: MetaFitData,
  options: MetaFitOptions = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  return fitCourse(model, metaCourse(metaTask(model, data, options)), options);
}

/** Resolves the options of `metaFit`. @throws OptionError */
export function metaTask(
  model: Pick<Model, 'network' | 'variables' | 'table'>,
  data: MetaFitData,
  options: MetaFitOptions,
): MetaTask {
  assertOptimizer(options.optimizer ?? adam());
  const { way = 5, shots = 1, queries = 15, seed = 0, optimizer = adam(), schedule = constant(), clip } = options;
  const learner = learnerOf(model, options);
  const phases = phasesOf(learner, options);
  const variables = learnerVariables(model.network, learner);
  const stepsPerEpoch = options.stepsPerEpoch ?? 100;
  const steps = stepsPerEpoch * phases.reduce((sum, { epochs }) => sum + epochs, 0);
  const learningRate = optimizer.learningRate ?? usualLearningRate(optimizer.name) ?? 0;
  return {
    network: model.network,
    learner,
    phases,
    episodes: data,
    shape: { way, shots, queries },
    tasksPerStep: options.tasksPerStep ?? 4,
    stepsPerEpoch,
    validationEpisodes: options.validationEpisodes ?? 100,
    testSteps: options.testSteps ?? (learner.kind === 'prototypes' ? 0 : learner.innerSteps),
    initial: { ...initialise(variables.values(), seed), ...model.variables },
    optimizer,
    schedule: (step, losses) => schedule(step, losses, { steps, learningRate }),
    settings: new Map([...variables.values()].map((variable) => [variable.name, settingOf(variable)])),
    clip: clip && clipperOf(clip),
    average: options.average ?? null,
    patience: options.patience ?? null,
    seed,
    tasks: options.tasks ?? tasksHere(options.parallel ?? oneByOne),
  };
}

const oneByOne: CompileTasks = async (outputs, { runtime }) => inSequence(await runtime.compile(outputs));

/** Every parameter is trained, and learned inner rates; neither these nor biases and norms decay. */
function settingOf({ name, kind, shape }: Variable): ParameterSetting | null {
  if (kind !== 'parameter') return null;
  return { rate: 1, weightDecay: shape.length > 1 && !name.startsWith('inner-rate/') ? 1 : 0 };
}

function learnerOf({ table }: Pick<Model, 'table'>, options: MetaFitOptions): Learner {
  const { learner = 'maml', innerSteps = 5, innerRate = 0.1, statistics = 'batch' } = options;
  if (typeof learner !== 'string') return learner;
  if (!Object.hasOwn(learners, learner)) throw choiceError('learner', learner, learnerNames);
  if (learners[learner].kind === 'baseline') {
    const expected = 'a learner that is trained: a baseline fits a head to each support set';
    throw new OptionError({ option: 'learner', expected, received: learner });
  }
  return makeLearner(learner, {
    parameters: [...table.parameters.keys()],
    isHead: (parameter) => table.head.has(parameter),
    innerSteps,
    innerRate,
    innerOptimizer: sgd({ momentum: 0 }),
    statistics,
    loss: crossEntropy,
  });
}

function phasesOf(learner: Learner, { phases, learner: named, epochs = 10 }: MetaFitOptions): readonly OuterPhase[] {
  if (phases) return phases;
  if (typeof named === 'object') return [{ name: named.name, epochs, outer: { order: 2, everyStep: false } }];
  // Of MAML++: the first third of first order, the first tenth with a loss after every step.
  const innerSteps = learner.kind === 'prototypes' ? 0 : learner.innerSteps;
  const shares = { firstOrderEpochs: Math.round(epochs / 3), multiStepEpochs: Math.round(epochs / 10) };
  return outerPhases(named ?? 'maml', { epochs, innerSteps, ...shares });
}
