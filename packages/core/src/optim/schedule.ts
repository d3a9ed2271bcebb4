/**
 * The learning rate at each step, counted from 0. A function of the host: nothing is compiled again when it changes.
 * `losses` are the validation losses of the epochs that are complete.
 */
export type Schedule = (step: number, losses: readonly number[]) => number;

/** Always the same. */
export function constant(learningRate: number): Schedule {
  return () => learningRate;
}

export interface StepOptions {
  readonly learningRate: number;
  /** Steps between two drops. */
  readonly every: number;
  /** What each drop multiplies with. Default 0.1. */
  readonly factor?: number;
}

/** η · factor^⌊step / every⌋, PyTorch's `StepLR`. */
export function stepDecay({ learningRate, every, factor = 0.1 }: StepOptions): Schedule {
  return (step) => learningRate * factor ** Math.floor(step / every);
}

export interface MultiStepOptions {
  readonly learningRate: number;
  /** The steps of the drops, ascending. */
  readonly milestones: readonly number[];
  /** What each drop multiplies with. Default 0.1. */
  readonly factor?: number;
}

/** η · factor^(milestones passed), PyTorch's `MultiStepLR`. */
export function multiStep({ learningRate, milestones, factor = 0.1 }: MultiStepOptions): Schedule {
  return (step) => learningRate * factor ** milestones.filter((milestone) => milestone <= step).length;
}

export interface ExponentialOptions {
  readonly learningRate: number;
  /** What each step multiplies with. */
  readonly factor: number;
}

/** η · factor^step, PyTorch's `ExponentialLR`. */
export function exponential({ learningRate, factor }: ExponentialOptions): Schedule {
  return (step) => learningRate * factor ** step;
}

export interface PolynomialOptions {
  readonly learningRate: number;
  /** Steps until it is 0. */
  readonly steps: number;
  /** Default 1: a line. */
  readonly power?: number;
}

/** η · (1 - step/steps)^power, PyTorch's `PolynomialLR`. */
export function polynomial({ learningRate, steps, power = 1 }: PolynomialOptions): Schedule {
  return (step) => learningRate * (1 - Math.min(1, step / steps)) ** power;
}

export interface LinearOptions {
  readonly learningRate: number;
  /** Steps from the first factor to the last; after that it stays. */
  readonly steps: number;
  /** First factor on the learning rate. Default 1. */
  readonly from?: number;
  /** Last factor. Default 0. */
  readonly to?: number;
}

/** η · (from + (to - from) · step/steps), PyTorch's `LinearLR`. */
export function linear({ learningRate, steps, from = 1, to = 0 }: LinearOptions): Schedule {
  return (step) => learningRate * (from + (to - from) * Math.min(1, step / steps));
}

export interface CosineOptions {
  readonly learningRate: number;
  /** Steps until the minimum; after that it stays. */
  readonly steps: number;
  /** Default 0. */
  readonly minimum?: number;
}

/** Down along half a cosine (Loshchilov & Hutter 2016, eq. 5), PyTorch's `CosineAnnealingLR` up to T_max. */
export function cosine({ learningRate, steps, minimum = 0 }: CosineOptions): Schedule {
  return (step) => halfCosine(learningRate, minimum, Math.min(1, step / steps));
}

export interface CosineRestartsOptions {
  readonly learningRate: number;
  /** Steps of the first cycle. */
  readonly period: number;
  /** How much longer each cycle is than the one before, a whole number. Default 1. */
  readonly growth?: number;
  /** Default 0. */
  readonly minimum?: number;
}

/** A cosine that begins again (SGDR, Loshchilov & Hutter 2016), PyTorch's `CosineAnnealingWarmRestarts`. */
export function cosineRestarts({ learningRate, period, growth = 1, minimum = 0 }: CosineRestartsOptions): Schedule {
  return (step) => {
    let [length, position] = growth === 1 ? [period, step % period] : [period, step];
    while (position >= length) {
      position -= length;
      length *= growth;
    }
    return halfCosine(learningRate, minimum, position / length);
  };
}

export interface PlateauOptions {
  readonly learningRate: number;
  /** What each drop multiplies with. Default 0.1. */
  readonly factor?: number;
  /** Epochs without progress that are let pass. Default 10. */
  readonly patience?: number;
  /** The share by which a loss must be below the best one to count as progress. Default 1e-4. */
  readonly threshold?: number;
  /** Epochs after a drop that are not judged. Default 0. */
  readonly cooldown?: number;
  /** Default 0. */
  readonly minimum?: number;
}

/** A drop whenever the validation loss has not fallen for more than `patience` epochs, PyTorch's `ReduceLROnPlateau`. */
export function plateau(options: PlateauOptions): Schedule {
  const { learningRate, factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, minimum = 0 } = options;
  return (_step, losses) => {
    let [rate, best, idle, cooling] = [learningRate, Number.POSITIVE_INFINITY, 0, 0];
    for (const loss of losses) {
      const isProgress = loss < best * (1 - threshold);
      if (isProgress) best = loss;
      idle = isProgress || cooling > 0 ? 0 : idle + 1;
      cooling = Math.max(0, cooling - 1);
      if (idle > patience) {
        rate = Math.max(minimum, rate * factor);
        [idle, cooling] = [0, cooldown];
      }
    }
    return rate;
  };
}

export interface OneCycleOptions {
  /** The peak. */
  readonly maximum: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** The share of the steps that leads up to the peak. Default 0.3. */
  readonly warmup?: number;
  /** maximum / first learning rate. Default 25. */
  readonly initialDivisor?: number;
  /** first / last learning rate. Default 10,000. */
  readonly finalDivisor?: number;
}

/** Up and down again along cosines (Smith & Topin 2017), in the two phases of PyTorch's `OneCycleLR`. */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { maximum, steps, warmup = 0.3, initialDivisor = 25, finalDivisor = 1e4 } = options;
  const first = maximum / initialDivisor;
  const last = first / finalDivisor;
  const peak = warmup * steps - 1;
  const end = steps - 1;
  return (step) => {
    // A way up of one step is the peak itself.
    if (step <= peak) return halfCosine(first, maximum, peak === 0 ? 1 : step / peak);
    return halfCosine(maximum, last, Math.min(1, (step - peak) / (end - peak)));
  };
}

function halfCosine(from: number, to: number, fraction: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * fraction));
}

export interface WarmupOptions {
  readonly steps: number;
  /** First factor on the learning rate that the schedule begins with. Default 0. */
  readonly from?: number;
}

/** A line up to where the schedule begins, and then the schedule: PyTorch's `SequentialLR` of `LinearLR` and that. */
export function withWarmup(schedule: Schedule, { steps, from = 0 }: WarmupOptions): Schedule {
  return (step, losses) =>
    step < steps ? schedule(0, losses) * (from + ((1 - from) * step) / steps) : schedule(step - steps, losses);
}
