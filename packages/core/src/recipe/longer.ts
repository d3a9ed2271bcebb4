import { epochsBefore, freshStage, learningRateAt } from '../fit/stage.ts';
import type { ResolvedConfig } from './config/index.ts';
import type { PlannedStage } from './plan.ts';
import { timetableOf } from './timetable.ts';

/** A plan whose last stage takes so many epochs more. */
export function lengthened(plan: readonly PlannedStage[], epochs: number): readonly PlannedStage[] {
  return plan.map((stage, i) => (i === plan.length - 1 ? { ...stage, epochs: stage.epochs + epochs } : stage));
}

/** The epochs of a plan. */
export function epochsOfPlan(plan: readonly PlannedStage[]): number {
  return epochsBefore(plan, plan.length);
}

/**
 * Describes what more epochs mean for the learning rate of a run that had completed its own. A schedule over the whole
 * run is stretched: the epochs already trained had the rates of the shorter one.
 *
 * @param images in the training part
 */
export function describeLonger(
  config: ResolvedConfig,
  { before, after }: Readonly<Record<'before' | 'after', readonly PlannedStage[]>>,
  images: number,
): string {
  const had = epochsOfPlan(before);
  const have = epochsOfPlan(after);
  const rates = [before, after].map((plan) => {
    const timetable = timetableOf(config, plan, images);
    // As if the validation loss went on falling.
    const losses = Array.from({ length: have }, (_, i) => 1 / (i + 1));
    return Array.from({ length: have * timetable.stepsPerEpoch }, (_, step) => {
      const epoch = Math.floor(step / timetable.stepsPerEpoch);
      return learningRateAt(timetable, freshStage(timetable.stages, plan.length - 1), step, losses.slice(0, epoch));
    });
  });
  const [old, now] = rates as [number[], number[]];
  const steps = (had * old.length) / have;
  const epochs = `epochs ${had + 1} to ${have}`;
  if (old.slice(0, steps).every((rate, i) => rate === now[i])) {
    return `The run goes on with ${epochs}, as if it had been given ${have} from the start.`;
  }
  return (
    `The run goes on with ${epochs}. The schedule ${config.schedule} goes over the whole run: epochs 1 to ${had} ` +
    `had the rates of a run of ${had}, and epoch ${had + 1} begins at ${significant(now[steps]!)} (epoch ${had} ` +
    `ended at ${significant(old[steps - 1]!)}), ` +
    `as in a run of ${have}. It does not end like one of ${have} from the start.`
  );
}

const significant = (rate: number) => String(Number(rate.toPrecision(3)));
