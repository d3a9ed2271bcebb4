import type { Tensors } from '../base/tensor.ts';
import type { BatchNormPolicy, Noise } from '../nn/index.ts';
import { drawNoise } from '../nn/index.ts';
import type { Program, Runtime, State } from '../runtime/index.ts';
import type { Course, CourseStage, OpenStage, StepOutcome } from './course.ts';
import { type Criterion, type Evaluator, number, openEvaluator } from './evaluation.ts';
import { scoresOf, sumsOver } from './metrics.ts';
import { type Batch, feedsOf } from './source.ts';
import { type Stage, stepSettings } from './stage.ts';
import { gatheringStep, resultNames, type TrainingStepOptions, trainingStep, variablesOf } from './step.ts';
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

/** The programs of a stage, and what they are fed. */
export interface StagePrograms<M extends string = string> {
  readonly sources: StageSources;
  readonly programs: {
    readonly training: Program;
    readonly gathering: Program | null;
    readonly evaluation: Evaluator<M>;
  };
  readonly noise: readonly Noise[];
  close(): Promise<void>;
}

/** Compiles a stage's graphs and opens its sources. */
export async function compileStage<M extends string>(
  task: TrainingTask<M>,
  index: number,
  variables: Tensors,
  runtime: Runtime,
): Promise<StagePrograms<M>> {
  const { stages, batchSize, accumulate } = task;
  const { network, settings, mixes } = stages[index]!;
  const options: TrainingStepOptions = {
    ...task,
    batchSize,
    settings: stepSettings(stages, index),
    mixes,
    batchNorm: batchNormOf(settings, task.batchNorm),
    average: task.average !== null,
  };
  const sources = await stages[index]!.open(variables);
  const step = trainingStep(network, options);
  const gathering = accumulate > 1 ? gatheringStep(network, options) : null;
  const programs = {
    training: await runtime.compile(step.outputs),
    gathering: gathering && (await runtime.compile(gathering.outputs)),
    evaluation: await openEvaluator(network, task, runtime),
  };
  const close = async () => {
    for (const program of Object.values(programs)) await program?.release();
    await sources.close();
  };
  return { sources, programs, noise: step.noise, close };
}

/** Steps over batches of images, or of features of them. */
function imageStage<M extends string>(task: TrainingTask<M>, stage: StagePrograms<M>): OpenStage<M> {
  const { batchSize, accumulate, stepsPerEpoch } = task;
  const { sources, programs } = stage;
  return {
    async *steps(epoch, first) {
      const order = task.order(epoch).slice(first * batchSize * accumulate, stepsPerEpoch * batchSize * accumulate);
      const batches = sources.training.batches({ batchSize, order, lastBatch: 'drop', epoch })[Symbol.asyncIterator]();
      try {
        for (let step = first; step < stepsPerEpoch; step++) {
          const images = order.slice((step - first) * batchSize * accumulate);
          const stepInAll = (epoch - 1) * stepsPerEpoch + step;
          yield (state, scalars) => takeStep(task, stage, batches, { state, scalars, stepInAll, images });
        }
      } finally {
        await batches.return?.();
      }
    },
    evaluate: (variables, signal) => programs.evaluation.evaluate(variables, sources.validation, signal),
    close: stage.close,
  };
}

/** One step of as many batches as are gathered for it. It ends at a loss that is not a number. */
async function takeStep<M extends string>(
  { batchSize, accumulate, seed, metrics }: TrainingTask<M>,
  { programs, noise }: StagePrograms<M>,
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
      ...drawNoise(noise, seed, at.stepInAll * accumulate + i),
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
