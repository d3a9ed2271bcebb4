import { freshStage, type Timetable } from '../fit/stage.ts';
import { type ResolvedConfig, scheduleOf } from './config/index.ts';
import type { PlannedStage } from './plan.ts';

/** The steps of an epoch. A rest that fills no batch, and batches that fill no step, are left out. */
export function stepsPerEpoch(images: number, batchSize: number, accumulate: number): number {
  return Math.floor(Math.floor(images / batchSize) / accumulate);
}

/** The batch size, and the number of batches per step, for so many training images. */
export function batching({ batchSize, accumulate }: ResolvedConfig, images: number) {
  const size = Math.min(batchSize, images);
  const batches = Math.min(accumulate, Math.floor(images / size));
  return { batchSize: size, accumulate: batches, stepsPerEpoch: stepsPerEpoch(images, size, batches) };
}

/** The timetable of a plan: each fresh stage begins a schedule, which those after it share. */
export function timetableOf(config: ResolvedConfig, plan: readonly PlannedStage[], images: number) {
  const { stepsPerEpoch: steps } = batching(config, images);
  const starts = plan.map((_, i) => freshStage(plan, i));
  const stages = plan.map((stage, i) => {
    const epochs = plan.reduce((sum, other, j) => (starts[j] === starts[i] ? sum + other.epochs : sum), 0);
    return { ...stage, schedule: scheduleOf({ ...config, epochs })(epochs * steps) };
  });
  return { stages, stepsPerEpoch: steps, warmup: Math.round(steps / 2) } satisfies Timetable;
}
