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
import { defaultsText, listed } from './exceptions.ts';

const milestones = structuredBy<readonly number[]>(
  'a list of the epochs of the drops',
  z.array(z.number().positive()).min(1),
);

/** The learning rate over the run. */
export interface ScheduleOptions {
  readonly schedule: ScheduleName;
  /** Epochs in which the learning rate rises from 0 before the schedule begins; of one-cycle: the way up. */
  readonly warmup: number | null;
  /** Epochs between two drops of `step`; null: 10. */
  readonly stepEpochs: number | null;
  /** Epochs of the drops of `multi-step`; null: at a half and three quarters. */
  readonly milestones: readonly number[] | null;
  /**
   * The factor of a drop for `step`, `multi-step` and `plateau`, null: 0.1; that of an epoch for `exponential`, null:
   * 0.9.
   */
  readonly decayFactor: number | null;
  /** Epochs of the first cycle of `cosine-restarts`; null: 10. */
  readonly restartEpochs: number | null;
  /** The factor by which each cycle is longer than the last; null: 2. */
  readonly restartGrowth: number | null;
  /** The exponent of `polynomial`; null: 0.9. */
  readonly power: number | null;
  /** Epochs without a lower validation loss that `plateau` lets pass; null: 3. */
  readonly plateauPatience: number | null;
}

/** The run that a schedule is made for. Lengths are in steps. */
interface SchedulePlan {
  readonly learningRate: number;
  /** After the warm-up. */
  readonly steps: number;
  readonly epochs: number;
  /** Epochs of the way up, for a schedule that has one; null: its own. */
  readonly warmup: number | null;
  /** The step of the schedule at which the run's epoch `e` begins; a fraction is a place within one. */
  readonly at: (epoch: number) => number;
  /** Steps of so many epochs, at least 1. */
  readonly during: (epochs: number) => number;
}

/** The options that only some schedules look at. */
export type ScheduleOption = Exclude<keyof ScheduleOptions, 'schedule' | 'warmup'>;

/** A schedule as options name it. */
interface ScheduleEntry {
  /** The options that it looks at, with their defaults; null: by the run. */
  readonly defaults: Partial<Pick<ScheduleOptions, ScheduleOption>>;
  readonly create: (run: SchedulePlan, options: Pick<ScheduleOptions, ScheduleOption>) => Schedule;
  /** Begins with a way up of its own, so that no warm-up comes before it. */
  readonly hasWarmup?: boolean;
}

/** An entry whose schedule is made from the options that it names, each as given or with its default. */
function entry<Defaults extends Partial<Pick<ScheduleOptions, ScheduleOption>>>(
  defaults: Defaults,
  create: (run: SchedulePlan, options: Defaults) => Schedule,
): ScheduleEntry {
  return {
    defaults,
    create: (run, options) => {
      const given = Object.entries(options).filter(([key, value]) => Object.hasOwn(defaults, key) && value !== null);
      return create(run, { ...defaults, ...Object.fromEntries(given) });
    },
  };
}

const entries = {
  constant: entry({}, ({ learningRate }) => constant(learningRate)),
  linear: entry({}, ({ learningRate, steps }) => linear({ learningRate, steps })),
  step: entry({ stepEpochs: 10, decayFactor: 0.1 }, ({ learningRate, during }, { stepEpochs, decayFactor }) =>
    stepDecay({ learningRate, every: during(stepEpochs), factor: decayFactor }),
  ),
  'multi-step': entry(
    { milestones: null as readonly number[] | null, decayFactor: 0.1 },
    ({ learningRate, at, epochs }, { milestones, decayFactor }) =>
      multiStep({
        learningRate,
        milestones: (milestones ?? [epochs / 2, (3 * epochs) / 4]).map(at),
        factor: decayFactor,
      }),
  ),
  exponential: entry({ decayFactor: 0.9 }, ({ learningRate, during }, { decayFactor }) =>
    exponential({ learningRate, factor: decayFactor ** (1 / during(1)) }),
  ),
  cosine: entry({}, ({ learningRate, steps }) => cosine({ learningRate, steps })),
  'cosine-restarts': entry(
    { restartEpochs: 10, restartGrowth: 2 },
    ({ learningRate, during }, { restartEpochs, restartGrowth }) =>
      cosineRestarts({ learningRate, period: during(restartEpochs), growth: restartGrowth }),
  ),
  'one-cycle': {
    ...entry({}, ({ learningRate, steps, epochs, warmup }) =>
      oneCycle({ maximum: learningRate, steps, ...(warmup !== null && { warmup: warmup / epochs }) }),
    ),
    hasWarmup: true,
  },
  polynomial: entry({ power: 0.9 }, ({ learningRate, steps }, { power }) => polynomial({ learningRate, steps, power })),
  plateau: entry({ decayFactor: 0.1, plateauPatience: 3 }, ({ learningRate }, { decayFactor, plateauPatience }) =>
    plateau({ learningRate, factor: decayFactor, patience: plateauPatience }),
  ),
} satisfies Record<ScheduleName, ScheduleEntry>;

export type ScheduleName =
  | 'constant'
  | 'linear'
  | 'step'
  | 'multi-step'
  | 'exponential'
  | 'cosine'
  | 'cosine-restarts'
  | 'one-cycle'
  | 'polynomial'
  | 'plateau';
const schedules: Readonly<Record<ScheduleName, ScheduleEntry>> = entries;
export const scheduleNames = Object.keys(schedules) as ScheduleName[];

/** The schedules that look at each of the options that not all do. */
export const schedulesByOption: Readonly<Record<ScheduleOption, readonly ScheduleName[]>> = {
  stepEpochs: schedulesWith('stepEpochs'),
  milestones: schedulesWith('milestones'),
  decayFactor: schedulesWith('decayFactor'),
  restartEpochs: schedulesWith('restartEpochs'),
  restartGrowth: schedulesWith('restartGrowth'),
  power: schedulesWith('power'),
  plateauPatience: schedulesWith('plateauPatience'),
};

function schedulesWith(option: ScheduleOption): ScheduleName[] {
  return scheduleNames.filter((name) => Object.hasOwn(schedules[name].defaults, option));
}

const having = (option: ScheduleOption) => listed(schedulesByOption[option]);
/** The default of an option by schedule, for help. */
const defaultOf = (option: Exclude<ScheduleOption, 'milestones'>) =>
  defaultsText(
    schedulesByOption[option].flatMap((name) => {
      const value = schedules[name].defaults[option];
      return typeof value === 'number' ? [[name, value] as const] : [];
    }),
  );

export const scheduleChoice = choice(scheduleNames);
export const scheduleText = scheduleNames.join(' | ');

export const scheduleOptions: OptionSchemas<ScheduleOptions> = {
  schedule: scheduleChoice.default('one-cycle').describe(scheduleText),
  warmup: orDefault(z.number().min(0)).describe(
    'epochs in which the learning rate rises from 0 before the schedule begins; default: 0; of one-cycle: the ' +
      'way up, 0.3 of the run',
  ),
  stepEpochs: orDefault(z.int().min(1)).describe(
    `epochs between two drops of ${having('stepEpochs')}; default: ${defaultOf('stepEpochs')}`,
  ),
  milestones: orDefault(milestones).describe(
    `epochs of the drops of ${having('milestones')}; default: at a half and three quarters`,
  ),
  decayFactor: orDefault(z.number().gt(0).lt(1)).describe(
    `of ${having('decayFactor')}: the factor on the rate at each drop (of exponential: in each epoch); ` +
      `default: ${defaultOf('decayFactor')}`,
  ),
  restartEpochs: orDefault(z.int().min(1)).describe(
    `epochs of the first cycle of ${having('restartEpochs')}; default: ${defaultOf('restartEpochs')}`,
  ),
  restartGrowth: orDefault(z.int().min(1)).describe(
    `factor by which each cycle is longer than the last; default: ${defaultOf('restartGrowth')}`,
  ),
  power: orDefault(z.number().positive()).describe(`of ${having('power')}; default: ${defaultOf('power')}`),
  plateauPatience: orDefault(z.int().min(0)).describe(
    `epochs without a lower validation loss that ${having('plateauPatience')} lets pass; default: ` +
      `${defaultOf('plateauPatience')}`,
  ),
};

/** The options that a schedule is made from, and the run's epochs and peak rate. */
type ScheduleConfig = ScheduleOptions & { readonly epochs: number; readonly learningRate: number };

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
  const { hasWarmup, create } = schedules[schedule];
  const warmup = hasWarmup ? 0 : longest;
  return (steps) => {
    const stepsOf = (count: number) => Math.round((steps / epochs) * count);
    const warmupSteps = stepsOf(warmup);
    const run = {
      learningRate,
      steps: steps - warmupSteps,
      epochs,
      warmup: config.warmup,
      at: (epoch: number) => stepsOf(epoch) - warmupSteps,
      during: (count: number) => Math.max(1, stepsOf(count)),
    };
    const main = create(run, config);
    return warmupSteps === 0 ? main : withWarmup(main, { steps: warmupSteps });
  };
}
