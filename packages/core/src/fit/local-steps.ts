import type { Tensor, Tensors } from '../base/tensor.ts';
import { copy, State } from '../runtime/index.ts';
import { stageState } from './course.ts';
import { courseOf, type StagePrograms, stageSteps, stepOptions } from './image-stage.ts';
import { scoresOf } from './metrics.ts';
import { slotName, trainingStep } from './step.ts';
import type { StageSources, TrainingTask } from './task.ts';
import { stepScalars } from './trainer.ts';

/** What a worker starts a round with. */
export interface LocalStart {
  /** The outer values of all that steps change: trained parameters and buffers. */
  readonly values: Tensors;
  /** What its own optimizer kept of the round before; nothing in the first. */
  readonly kept: Tensors;
  /** Steps that it has taken before. */
  readonly from: number;
  readonly steps: number;
}

/** What it ends with. */
export interface LocalEnd<M extends string = 'accuracy'> {
  readonly values: Tensors;
  readonly kept: Tensors;
  /** The mean over its steps, each measured before the step; NaN ends the run. */
  readonly loss: number;
  /** The sum of each metric over the examples of its steps. */
  readonly sums: Readonly<Record<M, number>>;
}

/** The variables that the steps of a task change: what travels between workers and coordinator. */
export function changedVariables<M extends string>(task: TrainingTask<M>): string[] {
  const { outputs, variables } = trainingStep(task.stages[0]!.network, stepOptions(task, 0));
  return Object.keys(outputs).filter((name) => variables.has(name));
}

/**
 * Takes steps of a worker's own training, as `fit` would take them: order, augmentation and dropout are addressed by
 * the worker's seed and the number of the step, whatever the rounds are. Null where the signal came first.
 *
 * @param task the worker's, in one stage
 * @param inputs its sources, and the programs: of `compileSteps`, the same for all workers of a run
 */
export async function takeLocalSteps<M extends string>(
  task: TrainingTask<M>,
  { sources, programs }: { readonly sources: StageSources; readonly programs: StagePrograms },
  { values, kept, from, steps }: LocalStart,
  { signal, onStep }: { readonly signal?: AbortSignal | undefined; readonly onStep?: (done: number) => void } = {},
): Promise<LocalEnd<M> | null> {
  const course = courseOf(task);
  const state = new State({ ...stageState(course, 0, values), ...kept });
  let [lossSum, done] = [0, 0];
  let sums = scoresOf(task.metrics, () => 0);
  while (done < steps) {
    const epoch = Math.floor((from + done) / task.stepsPerEpoch) + 1;
    const first = (from + done) % task.stepsPerEpoch;
    for await (const take of stageSteps(task, { sources, programs }, epoch, first)) {
      const outcome = await take(state, stepScalars(course, { stage: 0, step: from + done, losses: [] }));
      const before = sums;
      sums = scoresOf(task.metrics, ({ name }) => before[name] + outcome.sums[name]);
      lossSum += outcome.loss;
      done++;
      onStep?.(done);
      if (!Number.isFinite(lossSum) || done === steps) break;
      if (signal?.aborted) return null;
    }
    if (!Number.isFinite(lossSum)) break;
  }
  const slots = Object.keys(values).flatMap((name) => task.optimizer.slots.map((slot) => slotName(slot, name)));
  const picked = (names: readonly string[]): Record<string, Tensor> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = state.current[name];
        return value ? [[name, copy(value)]] : [];
      }),
    );
  return { values: picked(Object.keys(values)), kept: picked(slots), loss: lossSum / steps, sums };
}
