import { UserError } from '../base/errors.ts';

/**
 * The learning rate at each step, counted from 0. A function of the host: nothing is compiled again when it changes.
 * `losses` are the validation losses of the epochs that are complete; `run` has the numbers that a schedule was not
 * given.
 */
export type Schedule = (step: number, losses: readonly number[], run?: ScheduledRun) => number;

/** The run of a schedule, or the stretch of it in which the schedule begins anew. */
export interface ScheduledRun {
  /** The steps of the run. */
  readonly steps: number;
  /** The optimizer's learning rate. */
  readonly learningRate: number;
}

/** @throws UserError where a schedule is used outside of a run and was not given the number itself */
function known(
  schedule: string,
  own: { readonly steps?: number | undefined; readonly learningRate?: number | undefined },
  run: ScheduledRun | undefined,
): ScheduledRun {
  const { steps = run?.steps, learningRate = run?.learningRate } = own;
  if (steps === undefined || learningRate === undefined) {
    throw new UserError(`${schedule}: outside of fit it needs its own steps and learning rate.`);
  }
  return { steps, learningRate };
}

/** A constant learning rate. Default: the optimizer's. */
export function constant(learningRate?: number): Schedule {
  return (_step, _losses, run) => known('constant', { steps: 0, learningRate }, run).learningRate;
}

export interface StepOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** Steps between two drops. */
  readonly every: number;
  /** The factor on the rate at each drop. Default 0.1. */
  readonly factor?: number;
}

/** η · factor^⌊step / every⌋, PyTorch's `StepLR`. */
export function stepDecay({ every, factor = 0.1, learningRate }: StepOptions): Schedule {
  const rate = constant(learningRate);
  return (step, ...run) => rate(step, ...run) * factor ** Math.floor(step / every);
}

export interface MultiStepOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** The steps of the drops, ascending. */
  readonly milestones: readonly number[];
  /** The factor on the rate at each drop. Default 0.1. */
  readonly factor?: number;
}

/** η · factor^(milestones passed), PyTorch's `MultiStepLR`. */
export function multiStep({ milestones, factor = 0.1, learningRate }: MultiStepOptions): Schedule {
  const rate = constant(learningRate);
  return (step, ...run) => rate(step, ...run) * factor ** milestones.filter((milestone) => milestone <= step).length;
}

export interface ExponentialOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** The factor on the rate at each step. */
  readonly factor: number;
}

/** η · factor^step, PyTorch's `ExponentialLR`. */
export function exponential({ factor, learningRate }: ExponentialOptions): Schedule {
  const rate = constant(learningRate);
  return (step, ...run) => rate(step, ...run) * factor ** step;
}

export interface PolynomialOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** Steps until it is 0. Default: the run's. */
  readonly steps?: number;
  /** Default 1: linear. */
  readonly power?: number;
}

/** η · (1 - step/steps)^power, PyTorch's `PolynomialLR`. */
export function polynomial({ power = 1, ...own }: PolynomialOptions = {}): Schedule {
  return (step, _losses, run) => {
    const { steps, learningRate } = known('polynomial', own, run);
    return learningRate * (1 - Math.min(1, step / steps)) ** power;
  };
}

export interface LinearOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** Steps from the first factor to the last; after that it stays. Default: the run's. */
  readonly steps?: number;
  /** First factor on the learning rate. Default 1. */
  readonly from?: number;
  /** Last factor. Default 0. */
  readonly to?: number;
}

/** η · (from + (to - from) · step/steps), PyTorch's `LinearLR`. */
export function linear({ from = 1, to = 0, ...own }: LinearOptions = {}): Schedule {
  return (step, _losses, run) => {
    const { steps, learningRate } = known('linear', own, run);
    return learningRate * (from + (to - from) * Math.min(1, step / steps));
  };
}

export interface CosineOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** Steps until the minimum; after that it stays. Default: the run's. */
  readonly steps?: number;
  /** Default 0. */
  readonly minimum?: number;
}

/** Falls along half a cosine (Loshchilov & Hutter 2016, eq. 5), PyTorch's `CosineAnnealingLR` up to T_max. */
export function cosine({ minimum = 0, ...own }: CosineOptions = {}): Schedule {
  return (step, _losses, run) => {
    const { steps, learningRate } = known('cosine', own, run);
    return halfCosine(learningRate, minimum, Math.min(1, step / steps));
  };
}

export interface CosineRestartsOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** Steps of the first cycle. */
  readonly period: number;
  /** The factor by which each cycle is longer than the one before, a whole number. Default 1. */
  readonly growth?: number;
  /** Default 0. */
  readonly minimum?: number;
}

/** A cosine with warm restarts (SGDR, Loshchilov & Hutter 2016), PyTorch's `CosineAnnealingWarmRestarts`. */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  const { learningRate, period, growth = 1, minimum = 0 } = options;
  const rate = constant(learningRate);
  return (step, ...run) => {
    let [length, position] = growth === 1 ? [period, step % period] : [period, step];
    while (position >= length) {
      position -= length;
      length *= growth;
    }
    return halfCosine(rate(step, ...run), minimum, position / length);
  };
}

export interface PlateauOptions {
  /** Default: the optimizer's. */
  readonly learningRate?: number;
  /** The factor on the rate at each drop. Default 0.1. */
  readonly factor?: number;
  /** Epochs without progress that are tolerated. Default 10. */
  readonly patience?: number;
  /** The share by which a loss must be below the best one to count as progress. Default 1e-4. */
  readonly threshold?: number;
  /** Epochs after a drop that do not count. Default 0. */
  readonly cooldown?: number;
  /** Default 0. */
  readonly minimum?: number;
}

/**
 * A drop whenever the validation loss has not fallen for more than `patience` epochs, PyTorch's `ReduceLROnPlateau`.
 */
export function plateau(options: PlateauOptions = {}): Schedule {
  const { learningRate, factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, minimum = 0 } = options;
  const start = constant(learningRate);
  return (step, losses, run) => {
    let rate = start(step, losses, run);
    let best = Number.POSITIVE_INFINITY;
    let idle = 0;
    let cooling = 0;
    for (const loss of losses) {
      const isProgress = loss < best * (1 - threshold);
      if (isProgress) best = loss;
      idle = isProgress || cooling > 0 ? 0 : idle + 1;
      cooling = Math.max(0, cooling - 1);
      if (idle > patience) {
        rate = Math.max(minimum, rate * factor);
        idle = 0;
        cooling = cooldown;
      }
    }
    return rate;
  };
}

export interface OneCycleOptions {
  /** The peak. Default: the optimizer's learning rate. */
  readonly maximum?: number;
  /** Steps of the whole run. Default: the run's. */
  readonly steps?: number;
  /** The share of the steps that leads up to the peak. Default 0.3. */
  readonly warmup?: number;
  /** maximum / first learning rate. Default 25. */
  readonly initialDivisor?: number;
  /** first / last learning rate. Default 10,000. */
  readonly finalDivisor?: number;
}

/**
 * Rises to the peak and falls again along cosines (Smith & Topin 2017), in the two phases of PyTorch's `OneCycleLR`.
 */
export function oneCycle(options: OneCycleOptions = {}): Schedule {
  const { maximum, warmup = 0.3, initialDivisor = 25, finalDivisor = 1e4 } = options;
  const own = { steps: options.steps, learningRate: maximum };
  return (step, _losses, run) => {
    const { steps, learningRate: top } = known('oneCycle', own, run);
    const first = top / initialDivisor;
    const last = first / finalDivisor;
    const peak = warmup * steps - 1;
    const end = steps - 1;
    // A rise of one step is the peak itself.
    if (step <= peak) return halfCosine(first, top, peak === 0 ? 1 : step / peak);
    return halfCosine(top, last, Math.min(1, (step - peak) / (end - peak)));
  };
}

function halfCosine(from: number, to: number, fraction: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * fraction));
}

export interface WarmupOptions {
  /** Steps of the warmup. */
  readonly steps: number;
  /** First factor on the learning rate that the schedule begins with. Default 0. */
  readonly from?: number;
}

/**
 * A linear warmup to the schedule's first rate, and then the schedule: PyTorch's `SequentialLR` of `LinearLR` and that.
 */
export function withWarmup(schedule: Schedule, { steps, from = 0 }: WarmupOptions): Schedule {
  return (step, losses, run) => {
    const rest = run && { ...run, steps: run.steps - steps };
    if (step >= steps) return schedule(step - steps, losses, rest);
    return schedule(0, losses, rest) * (from + ((1 - from) * step) / steps);
  };
}
