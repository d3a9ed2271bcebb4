import type { Tensor } from '../base/tensor.ts';
import { drawNoise } from '../nn/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { State, scalar } from '../runtime/index.ts';
import { stageState } from './course.ts';
import { compileStage, courseOf } from './image-stage.ts';
import { type LearningRateCurve, type RangeOptions, rangeRate, recordCurve } from './learning-rate-curve.ts';
import { type Batch, feedsOf, type Source } from './source.ts';
import { groupName, groupsOf } from './stage.ts';
import { resultNames, scalarName } from './step.ts';
import type { TrainingTask } from './task.ts';

/** One step of a range test. */
export interface RangeStep {
  /** The step, from 1. */
  readonly step: number;
  /** At most so many. */
  readonly steps: number;
  readonly learningRate: number;
  /** The batch's loss, before the step. */
  readonly loss: number;
}

export interface RangeTestOptions extends RangeOptions {
  readonly runtime: Runtime;
  /** The index of the task's stage that is tested. Default: the first. */
  readonly stage?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: RangeStep) => void;
}

/**
 * The learning rate range test (Smith 2015, section 3.3): takes the steps of a training task at learning rates that
 * grow from hardly anything to far too much, and notes the loss, until that has left the ground. Batches, optimizer,
 * loss and the parameters' own factors are the task's. The steps are taken on a copy of its values, which stay as they
 * are.
 *
 * @throws the signal's reason
 */
export async function findLearningRate(task: TrainingTask, options: RangeTestOptions): Promise<LearningRateCurve> {
  const { runtime, stage = 0, signal, onStep } = options;
  const { steps = 100 } = options;
  const plain = { ...task, accumulate: 1, average: null };
  const open = await compileStage(plain, stage, task.initial, runtime);
  const state = new State(stageState(courseOf(plain), stage, {}));
  const { curve, add } = recordCurve();
  try {
    for await (const { step, ...batch } of batchesForEver(plain, open.sources.training)) {
      signal?.throwIfAborted();
      const learningRate = rangeRate(step, options);
      const results = await state.step(open.programs.training, {
        ...feedsOf(batch),
        ...drawNoise(open.programs.noise, task.seed, step),
        ...scalarsOf(plain, stage, { learningRate, ...task.optimizer.scalars(step + 1) }),
      });
      const loss = Number(results[resultNames.loss]!.data[0]);
      onStep?.({ step: step + 1, steps, learningRate, loss });
      if (add(learningRate, loss) || step + 1 === steps) break;
    }
    return curve;
  } finally {
    await open.close();
  }
}

/** The task's epochs, one after the other; steps are counted from 0. */
async function* batchesForEver(
  { batchSize, order }: TrainingTask,
  training: Source,
): AsyncGenerator<Batch & { readonly step: number }> {
  for (let [epoch, step] = [1, 0]; ; epoch++) {
    const batches = training.batches({ batchSize, order: order(epoch), lastBatch: 'drop', epoch });
    for await (const batch of batches) yield { ...batch, step: step++ };
  }
}

/** The same numbers for every group of parameters that is trained. */
function scalarsOf({ stages }: TrainingTask, stage: number, values: Readonly<Record<string, number>>) {
  const feeds: Record<string, Tensor> = {};
  for (const group of groupsOf(stages, stage)) {
    for (const [name, value] of Object.entries(values)) feeds[scalarName(name, groupName(group))] = scalar(value);
  }
  return feeds;
}
