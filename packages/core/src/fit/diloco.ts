import type { Tensors } from '../base/tensor.ts';
import { sgd } from '../optim/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Course, OpenStage, Step } from './course.ts';
import { openEvaluator } from './evaluation.ts';
import { courseOf } from './image-stage.ts';
import { changedVariables, type LocalEnd } from './local-steps.ts';
import { scoresOf } from './metrics.ts';
import { type OuterOptimizer, outerStep } from './outer-step.ts';
import type { TrainingTask } from './task.ts';

/** The timetable of DiLoCo. */
export interface Rounds {
  readonly workers: number;
  /** Steps that each worker takes between two averagings. */
  readonly steps: number;
  /** Rounds between two evaluations of the outer parameters, which is an epoch of the run. */
  readonly perEpoch: number;
  readonly epochs: number;
}

/** The workers of a run, wherever they are. What their optimizers keep stays theirs. */
export interface LocalWorkers<M extends string = 'accuracy'> extends AsyncDisposable {
  /**
   * Lets every worker take the steps of a round (from 0) from the same outer values. Asked for again, as after a
   * resume, a round has the same ends.
   *
   * @returns where each worker came to, in their order; null where the run's signal came first
   */
  round(round: number, values: Tensors): Promise<readonly RoundEnd<M>[] | null>;
}

/** Where a worker came to in a round. */
export type RoundEnd<M extends string = 'accuracy'> = Omit<LocalEnd<M>, 'kept'>;

/**
 * DiLoCo (Douillard et al. 2023, arXiv 2311.08105) as the trainer takes it: a step is a round, in which every worker
 * takes some steps of the task's own optimizer on its share of the examples, and an outer step on what they came to.
 * The state are the outer parameters and their momentum. An event's learning rate is that of the workers' last step.
 *
 * @param task the whole run's, in one stage whose schedule goes over a worker's steps
 * @param openWorkers called when what evaluates the outer parameters is compiled
 */
export function dilocoCourse<M extends string>(
  task: TrainingTask<M>,
  rounds: Rounds,
  outer: OuterOptimizer,
  openWorkers: () => Promise<LocalWorkers<M>>,
): Course<M> {
  const course = courseOf(task);
  const [stage] = course.stages;
  if (!stage || course.stages.length > 1) throw new Error(`dilocoCourse: ${course.stages.length} stages, expected 1`);
  const changed = changedVariables(task);
  const isTrained = (name: string) => Boolean(stage.settings.get(name));
  const stepTo =
    (ends: readonly RoundEnd<M>[]): Step<M> =>
    async (state) => {
      const loss = ends.reduce((sum, end) => sum + end.loss, 0) / ends.length;
      const sums = scoresOf(task.metrics, ({ name }) => ends.reduce((sum, end) => sum + end.sums[name], 0));
      const reached = ends.map(({ values }) => values);
      if (Number.isFinite(loss)) state.write(outerStep(state.current, reached, isTrained, outer));
      return { loss, sums };
    };
  const open = async (variables: Tensors, runtime: Runtime): Promise<OpenStage<M>> => {
    const sources = await task.stages[0]!.open(variables);
    const evaluation = await openEvaluator(task.stages[0]!.network, task, runtime);
    const workers = await openWorkers();
    let now = (): Tensors => variables;
    return {
      async *steps(epoch, first) {
        for (let step = first; step < rounds.perEpoch; step++) {
          const all = now();
          const values = Object.fromEntries(changed.map((name) => [name, all[name]!]));
          const ends = await workers.round((epoch - 1) * rounds.perEpoch + step, values);
          // The evaluation that follows sees the signal too, and the run ends before this round.
          if (ends === null) return;
          const take = stepTo(ends);
          yield (state, scalars) => {
            now = () => state.current;
            return take(state, scalars);
          };
        }
      },
      evaluate: (values, signal) => evaluation.evaluate(values, sources.validation, signal),
      async close() {
        await workers[Symbol.asyncDispose]();
        await evaluation.release();
        await sources.close();
      },
    };
  };
  return {
    ...course,
    stages: [
      {
        ...stage,
        epochs: rounds.epochs,
        schedule: (round, losses) => stage.schedule((round + 1) * rounds.steps - 1, losses),
        open,
      },
    ],
    stepsPerEpoch: rounds.perEpoch,
    warmup: 0,
    optimizer: sgd({ ...outer, nesterov: true }),
    accumulate: 1,
    average: null,
    examplesPerStep: rounds.workers * rounds.steps * course.examplesPerStep,
  };
}
