import { freshStage, type Timetable } from '../fit/stage.ts';
import { type ResolvedConfig, scheduleOf } from './config/index.ts';
import type { PlannedStage } from './plan.ts';

/** The steps of an epoch. A rest that fills no batch, and batches that fill no step, are left out. */
export function stepsPerEpoch(pictures: number, batchSize: number, accumulate: number): number {
  return Math.floor(Math.floor(pictures / batchSize) / accumulate);
}

/** How many pictures make a batch, and how many batches a step, where there are so many to train on. */
export function batching({ batchSize, accumulate }: ResolvedConfig, pictures: number) {
  const size = Math.min(batchSize, pictures);
  const batches = Math.min(accumulate, Math.floor(pictures / size));
  return { batchSize: size, accumulate: batches, stepsPerEpoch: stepsPerEpoch(pictures, size, batches) };
}

/** When what of a plan is trained at which rate: each fresh stage begins a schedule, which those after it share. */
export function timetableOf(config: ResolvedConfig, plan: readonly PlannedStage[], pictures: number) {
  const { stepsPerEpoch: steps } = batching(config, pictures);
  const starts = plan.map((_, i) => freshStage(plan, i));
  const stages = plan.map((stage, i) => {
    const epochs = plan.reduce((sum, other, j) => (starts[j] === starts[i] ? sum + other.epochs : sum), 0);
    return { ...stage, schedule: scheduleOf({ ...config, epochs })(epochs * steps) };
  });
  return { stages, stepsPerEpoch: steps, warmup: Math.round(steps / 2) } satisfies Timetable;
}
