import { type ResolvedConfig, scheduleOf } from './config/index.ts';
import type { PlannedStage } from './plan.ts';
import type { Timetable } from './stage.ts';

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

/** When what of a plan is trained at which rate: a probe has a schedule of its own, all that comes after it shares one. */
export function timetableOf(config: ResolvedConfig, plan: readonly PlannedStage[], pictures: number) {
  const { stepsPerEpoch: steps } = batching(config, pictures);
  const epochsLike = (stage: PlannedStage) =>
    plan.reduce((sum, { epochs, name }) => sum + ((name === 'probe') === (stage.name === 'probe') ? epochs : 0), 0);
  const stages = plan.map((stage) => {
    const epochs = epochsLike(stage);
    return { ...stage, schedule: scheduleOf({ ...config, epochs })(epochs * steps) };
  });
  return { stages, stepsPerEpoch: steps, warmup: Math.round(steps / 2) } satisfies Timetable;
}
