import type { Tensors } from '../base/tensor.ts';
import type { BatchNormPolicy, Noise } from '../nn/index.ts';
import { drawNoise } from '../nn/index.ts';
import type { Program, Runtime, State, StepProgram } from '../runtime/index.ts';
import type { Course, CourseStage, OpenStage, Step, StepOutcome } from './course.ts';
import { type DividedStep, dividing } from './divided.ts';
import { type Criterion, type Evaluator, number, openEvaluator } from './evaluation.ts';
import { scoresOf, sumsOver } from './metrics.ts';
import { type Batch, feedsOf } from './source.ts';
import { type Stage, stepSettings } from './stage.ts';
import {
  gatheringStep,
  type Network,
  resultNames,
  type TrainingStepOptions,
  trainingStep,
  variablesOf,
} from './step.ts';
import type { StageSources, TrainingTask } from './task.ts';

/** Ordinary training as the trainer takes it. */
export function courseOf<M extends string>(task: TrainingTask<M>): Course<M> {
  const { batchSize, accumulate } = task;
  const stages = task.stages.map(
    (stage, index): CourseStage<M> => ({
      ...stage,
      variables: variablesOf(stage.network),
      open: async (variables, runtime) => imageStage(task, await compileStage(task, index, variables, runtime)),
    }),
  );
  return { ...task, stages, examplesPerStep: batchSize * accumulate, criterion: criterionOf(task) };
}

/** The criterion of the best epoch, with its default where the task gives none. */
function criterionOf<M extends string>({ criterion, metrics: [first] }: TrainingTask<M>): Criterion<M> {
  return criterion ?? first ?? { name: 'loss', higherIsBetter: false };
}

/** The compiled steps of a stage. */
export interface StagePrograms {
  readonly training: StepProgram;
  /** Null where a batch makes a step. */
  readonly gathering: Program | null;
  readonly noise: readonly Noise[];
  close(): Promise<void>;
}

/** A compiled stage with its inputs. */
export interface CompiledStage<M extends string = string> {
  readonly sources: StageSources;
  readonly programs: StagePrograms;
  readonly evaluation: Evaluator<M>;
  close(): Promise<void>;
}

/** The options of a stage's steps. */
export function stepOptions<M extends string>(task: TrainingTask<M>, index: number): TrainingStepOptions {
  const { settings, mixes } = task.stages[index]!;
  return {
    ...task,
    settings: stepSettings(task.stages, index),
    mixes,
    batchNorm: batchNormOf(settings, task.batchNorm),
    average: task.average !== null,
  };
}

/** Compiles the steps of a stage. */
export async function compileSteps<M extends string>(
  task: TrainingTask<M>,
  index: number,
  runtime: Runtime,
): Promise<StagePrograms> {
  const { network } = task.stages[index]!;
  const options = stepOptions(task, index);
  const { program: training, noise } = await compileStep(network, options, runtime);
  const gathering = task.accumulate > 1 ? await runtime.compile(gatheringStep(network, options).outputs) : null;
  const close = async () => {
    await training.release();
    await gathering?.release();
  };
  return { training, gathering, noise, close };
}

/** Compiles one step, in parts where that pays. */
export async function compileStep(
  network: Network,
  options: TrainingStepOptions,
  runtime: Runtime,
): Promise<DividedStep> {
  const divided = await dividing.divide?.(network, options, runtime);
  if (divided) return divided;
  const { outputs, noise } = trainingStep(network, options);
  return { program: await runtime.compile(outputs), noise };
}

/** Compiles a stage's graphs and opens its sources. */
export async function compileStage<M extends string>(
  task: TrainingTask<M>,
  index: number,
  variables: Tensors,
  runtime: Runtime,
): Promise<CompiledStage<M>> {
  const { network, open } = task.stages[index]!;
  const sources = await open(variables);
  const programs = await compileSteps(task, index, runtime);
  const evaluation = await openEvaluator(network, task, runtime);
  const close = async () => {
    await programs.close();
    await evaluation.release();
    await sources.close();
  };
  return { sources, programs, evaluation, close };
}

/** Steps over batches of images, or of features of them. */
function imageStage<M extends string>(task: TrainingTask<M>, stage: CompiledStage<M>): OpenStage<M> {
  const { sources, evaluation } = stage;
  return {
    steps: (epoch, first) => stageSteps(task, stage, epoch, first),
    evaluate: (variables, signal) => evaluation.evaluate(variables, sources.validation, signal),
    close: stage.close,
  };
}

/** The steps of an epoch (from 1), from `first` (from 0) on. */
export async function* stageSteps<M extends string>(
  task: TrainingTask<M>,
  { sources, programs }: Pick<CompiledStage<M>, 'sources' | 'programs'>,
  epoch: number,
  first: number,
): AsyncGenerator<Step<M>, void, undefined> {
  const { batchSize, accumulate, stepsPerEpoch } = task;
  const order = task.order(epoch).slice(first * batchSize * accumulate, stepsPerEpoch * batchSize * accumulate);
  const request = { batchSize, order, lastBatch: 'drop', epoch, reusesInputs: true } as const;
  const batches = sources.training.batches(request)[Symbol.asyncIterator]();
  try {
    for (let step = first; step < stepsPerEpoch; step++) {
      const images = order.slice((step - first) * batchSize * accumulate);
      const stepInAll = (epoch - 1) * stepsPerEpoch + step;
      yield (state, scalars) => takeStep(task, programs, batches, { state, scalars, stepInAll, images });
    }
  } finally {
    await batches.return?.();
  }
}

/** One step of as many batches as are gathered for it. It ends at a loss that is not a number. */
async function takeStep<M extends string>(
  { batchSize, accumulate, seed, metrics }: TrainingTask<M>,
  programs: StagePrograms,
  batches: AsyncIterator<Batch>,
  at: {
    readonly state: State;
    readonly scalars: Tensors;
    readonly stepInAll: number;
    readonly images: readonly number[];
  },
): Promise<StepOutcome<M>> {
  let meanLoss = 0;
  let sums = scoresOf(metrics, () => 0);
  for (let i = 0; i < accumulate; i++) {
    const { value: batch, done } = await batches.next();
    if (done) throw new Error('train: the source ended before the epoch did');
    const isLast = i + 1 === accumulate;
    const results = await at.state.step(isLast ? programs.training : programs.gathering!, {
      ...feedsOf(batch),
      ...drawNoise(programs.noise, seed, at.stepInAll * accumulate + i),
      ...(isLast && at.scalars),
    });
    const loss = number(results[resultNames.loss]);
    if (!Number.isFinite(loss)) {
      return { loss, sums, images: at.images.slice(i * batchSize, (i + 1) * batchSize) };
    }
    meanLoss += loss / accumulate;
    const own = sumsOver(metrics, results[resultNames.outputs]!, batch.targets, batchSize);
    const before = sums;
    sums = scoresOf(metrics, ({ name }) => before[name] + own[name]);
  }
  return { loss: meanLoss, sums };
}

/** Batch norm as asked for in layers that are trained; the others keep their statistics. */
export function batchNormOf(settings: Stage['settings'], policy: BatchNormPolicy): (path: string) => BatchNormPolicy {
  const trained = new Set([...settings].flatMap(([name, setting]) => (setting ? [name.replace(/\.[^.]+$/, '')] : [])));
  return (path) => (trained.has(path) ? policy : 'frozen');
}
