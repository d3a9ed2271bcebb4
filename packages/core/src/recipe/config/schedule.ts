import * as z from 'zod';
import { option } from '../../base/code.ts';
import { OptionError } from '../../base/errors.ts';
import {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  linear,
  multiStep,
  oneCycle,
  plateau,
  polynomial,
  type Schedule,
  stepDecay,
  withWarmup,
} from '../../optim/index.ts';
import { choice, type OptionSchemas, orDefault, structuredBy } from './choice.ts';

export const scheduleNames = [
  ...(['constant', 'linear', 'step', 'multi-step', 'exponential'] as const),
  ...(['cosine', 'cosine-restarts', 'one-cycle', 'polynomial', 'plateau'] as const),
] as const;

export type ScheduleName = (typeof scheduleNames)[number];

export const scheduleChoice = choice(scheduleNames);
export const scheduleText = scheduleNames.join(' | ');

const milestones = structuredBy<readonly number[]>(
  'a list of the epochs of the drops',
  z.array(z.number().positive()).min(1),
);

/** How the learning rate goes over the run. */
export interface ScheduleOptions {
  readonly schedule: ScheduleName;
  /** Epochs in which the learning rate rises from 0 before the schedule begins; of one-cycle: the way up. */
  readonly warmup: number | null;
  /** Epochs between two drops of `step`; null: 10. */
  readonly stepEpochs: number | null;
  /** Epochs of the drops of `multi-step`; null: at a half and three quarters. */
  readonly milestones: readonly number[] | null;
  /** Of a drop of `step`, `multi-step` and `plateau`, null: 0.1; of an epoch of `exponential`, null: 0.9. */
  readonly decayFactor: number | null;
  /** Epochs of the first cycle of `cosine-restarts`; null: 10. */
  readonly restartEpochs: number | null;
  /** How much longer each cycle is than the last; null: 2. */
  readonly restartGrowth: number | null;
  /** Of `polynomial`; null: 0.9. */
  readonly power: number | null;
  /** Epochs without a lower validation loss that `plateau` lets pass; null: 3. */
  readonly plateauPatience: number | null;
}

export const scheduleOptions: OptionSchemas<ScheduleOptions> = {
  schedule: scheduleChoice.default('one-cycle').describe(scheduleText),
  warmup: orDefault(z.number().min(0)).describe(
    'epochs in which the learning rate rises from 0 before the schedule begins; default: 0; of one-cycle: the way up, 0.3 of the run',
  ),
  stepEpochs: orDefault(z.int().min(1)).describe('epochs between two drops of the step schedule; default: 10'),
  milestones: orDefault(milestones).describe(
    'epochs of the drops of multi-step; default: at a half and three quarters',
  ),
  decayFactor: orDefault(z.number().gt(0).lt(1)).describe(
    'of a drop of step, multi-step and plateau, default: 0.1; of an epoch of exponential, default: 0.9',
  ),
  restartEpochs: orDefault(z.int().min(1)).describe('epochs of the first cycle of cosine-restarts; default: 10'),
  restartGrowth: orDefault(z.int().min(1)).describe('how much longer each cycle is than the last; default: 2'),
  power: orDefault(z.number().positive()).describe('of polynomial; default: 0.9'),
  plateauPatience: orDefault(z.int().min(0)).describe(
    'epochs without a lower validation loss that plateau lets pass; default: 3',
  ),
};

/** What a schedule is made from. Lengths are in steps. */
interface Run {
  readonly learningRate: number;
  /** After the warm-up. */
  readonly steps: number;
  /** The step of the schedule at which the run's epoch `e` begins; a fraction is a place within one. */
  readonly at: (epoch: number) => number;
  /** Steps of so many epochs, at least 1. */
  readonly during: (epochs: number) => number;
}

/** What a schedule goes by. */
type ScheduleConfig = ScheduleOptions & { readonly epochs: number; readonly learningRate: number };

type Maker = (run: Run, options: ScheduleConfig) => Schedule;

const makers: Readonly<Record<ScheduleName, Maker>> = {
  constant: ({ learningRate }) => constant(learningRate),
  linear: ({ learningRate, steps }) => linear({ learningRate, steps }),
  step: ({ learningRate, during }, { stepEpochs, decayFactor }) =>
    stepDecay({ learningRate, every: during(stepEpochs ?? 10), factor: decayFactor ?? 0.1 }),
  'multi-step': ({ learningRate, at }, { milestones, decayFactor, epochs }) =>
    multiStep({
      learningRate,
      milestones: (milestones ?? [epochs / 2, (3 * epochs) / 4]).map(at),
      factor: decayFactor ?? 0.1,
    }),
  exponential: ({ learningRate, during }, { decayFactor }) =>
    exponential({ learningRate, factor: (decayFactor ?? 0.9) ** (1 / during(1)) }),
  cosine: ({ learningRate, steps }) => cosine({ learningRate, steps }),
  'cosine-restarts': ({ learningRate, during }, { restartEpochs, restartGrowth }) =>
    cosineRestarts({ learningRate, period: during(restartEpochs ?? 10), growth: restartGrowth ?? 2 }),
  'one-cycle': ({ learningRate, steps }, { warmup, epochs }) =>
    oneCycle({ maximum: learningRate, steps, ...(warmup !== null && { warmup: warmup / epochs }) }),
  polynomial: ({ learningRate, steps }, { power }) => polynomial({ learningRate, steps, power: power ?? 0.9 }),
  plateau: ({ learningRate }, { decayFactor, plateauPatience }) =>
    plateau({ learningRate, factor: decayFactor ?? 0.1, patience: plateauPatience ?? 3 }),
};

/** The schedule of a run, once it is known how many steps it has. @throws OptionError where the run is all warm-up */
export function scheduleOf(config: ScheduleConfig): (steps: number) => Schedule {
  const { learningRate, epochs, schedule } = config;
  const longest = config.warmup ?? 0;
  if (longest >= epochs) {
    throw new OptionError({
      option: 'warmup',
      expected: `fewer than the ${epochs} epochs`,
      received: longest,
      problem: ` ${longest} leaves nothing of the ${epochs} epochs. Give fewer, or more ${option('epochs')}.`,
    });
  }
  // One-cycle's own way up takes its place.
  const warmup = schedule === 'one-cycle' ? 0 : longest;
  return (steps) => {
    const stepsOf = (count: number) => Math.round((steps / epochs) * count);
    const warmupSteps = stepsOf(warmup);
    const run = {
      learningRate,
      steps: steps - warmupSteps,
      at: (epoch: number) => stepsOf(epoch) - warmupSteps,
      during: (count: number) => Math.max(1, stepsOf(count)),
    };
    const main = makers[schedule](run, config);
    return warmupSteps === 0 ? main : withWarmup(main, { steps: warmupSteps });
  };
}
