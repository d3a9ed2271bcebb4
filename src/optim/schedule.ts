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
    if (step <= peak) return cosine(first, maximum, step / peak);
    return cosine(maximum, last, Math.min(1, (step - peak) / (end - peak)));
  };
}

function cosine(from: number, to: number, fraction: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * fraction));
}
