import { UserError } from '../base/errors.ts';

/** The result of a range test: the smoothed loss at each learning rate, ascending. */
export interface LearningRateCurve {
  readonly rates: readonly number[];
  readonly losses: readonly number[];
}

/** Learning rates to begin with, by three rules of thumb (fastai's `lr_find`). */
export interface Suggestions {
  /** The middle of the longest descent. */
  readonly valley: number;
  /** The rate at which the loss falls fastest. */
  readonly steepest: number;
  /** A tenth of where it is lowest. */
  readonly minimum: number;
}

export interface RangeOptions {
  /** Default 1e-7. */
  readonly from?: number;
  /** Default 10. */
  readonly to?: number;
  /** At most so many. Default 100. */
  readonly steps?: number;
}

/**
 * The learning rate of a step (from 0), which grows by the same factor from each to the next (Smith 2015, section 3.3).
 */
export function rangeRate(step: number, { from = 1e-7, to = 10, steps = 100 }: RangeOptions = {}): number {
  return from * (to / from) ** (step / steps);
}

/**
 * Notes the losses of a range test: a ← β·a + (1-β)·loss, and as that begins at 0, a / (1 - βᵗ). It is over where the
 * smoothed loss is four times the lowest one, or no number.
 */
export function recordCurve(beta = 0.98) {
  const [rates, losses]: [number[], number[]] = [[], []];
  let [average, lowest] = [0, Number.POSITIVE_INFINITY];
  return {
    curve: { rates, losses } satisfies LearningRateCurve,
    /** True where the test is over. */
    add(rate: number, loss: number): boolean {
      if (!Number.isFinite(loss)) return true;
      average = beta * average + (1 - beta) * loss;
      const smooth = average / (1 - beta ** (losses.length + 1));
      rates.push(rate);
      losses.push(smooth);
      lowest = Math.min(lowest, smooth);
      return smooth > 4 * lowest;
    },
  };
}

/** The curve without the rates at which nothing happens yet and those at which the loss has diverged. */
export function usefulPart(
  { rates, losses }: LearningRateCurve,
  { steps = 100 }: RangeOptions = {},
): LearningRateCurve {
  const start = Math.floor(steps / 10);
  return { rates: rates.slice(start, -5), losses: losses.slice(start, -5) };
}

/**
 * The curve up to where the loss is as high again as before its lowest: what comes then would flatten the rest of an
 * image.
 */
export function beforeExplosion({ rates, losses }: LearningRateCurve): LearningRateCurve {
  const lowest = indexOfLeast(losses);
  const highest = Math.max(...losses.slice(0, lowest + 1));
  const end = losses.findIndex((loss, i) => i > lowest && loss > highest);
  return end === -1 ? { rates, losses } : { rates: rates.slice(0, end), losses: losses.slice(0, end) };
}

/**
 * @param curve the useful part of one
 * @throws UserError where it is too short to say anything
 */
export function suggestLearningRates({ rates, losses }: LearningRateCurve): Suggestions {
  if (rates.length < 3) {
    throw new UserError(
      `find-lr: the loss left the ground after ${rates.length} useful steps, too few to suggest anything. ` +
        'Begin lower (`from`), or look at what the images and their normalisation are.',
    );
  }
  return {
    valley: rates[valleyIndex(losses)]!,
    steepest: rates[steepestIndex(rates, losses)]!,
    minimum: rates[indexOfLeast(losses)]! / 10,
  };
}

/**
 * The longest descent is the longest strictly falling subsequence; it is taken to end where that ends, at e, and to be
 * as long as that has members, L. Of it half (⌊L/3⌋ + ⌊L/6⌋) is walked down.
 */
function valleyIndex(losses: readonly number[]): number {
  const lengths = losses.map(() => 1);
  for (let i = 1; i < losses.length; i++) {
    for (let j = 0; j < i; j++) {
      if (losses[i]! < losses[j]!) lengths[i] = Math.max(lengths[i]!, lengths[j]! + 1);
    }
  }
  const longest = Math.max(...lengths);
  const start = lengths.indexOf(longest) - longest;
  return Math.max(0, start + Math.floor(longest / 3) + Math.floor(longest / 6));
}

/** The index of the steepest d loss / d log rate. */
function steepestIndex(rates: readonly number[], losses: readonly number[]): number {
  const slopes = losses.slice(1).map((loss, i) => (loss - losses[i]!) / Math.log(rates[i + 1]! / rates[i]!));
  return indexOfLeast(slopes);
}

function indexOfLeast(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}
