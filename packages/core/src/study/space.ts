import { OptionError } from '../base/errors.ts';
import type { RandomStream } from '../base/random.ts';
import type { Distribution, Space } from './study.ts';

export type Numerical = Exclude<Distribution, { kind: 'categorical' }>;
export type Categorical = Extract<Distribution, { kind: 'categorical' }>;

/**
 * Checks the ranges and choices of a space.
 *
 * @throws OptionError that names the first option whose range cannot be
 */
export function assertSpace(space: Space): void {
  for (const [option, distribution] of Object.entries(space)) {
    const problem = problemOf(distribution);
    if (problem) throw new OptionError({ option, ...problem });
  }
}

function problemOf(distribution: Distribution): { expected: string; received: unknown } | null {
  if (distribution.kind === 'categorical') {
    const { choices } = distribution;
    const keys = new Set(choices.map((choice) => JSON.stringify(choice)));
    if (choices.length > 0 && keys.size === choices.length) return null;
    return { expected: 'one choice at least, and none twice', received: choices };
  }
  const { kind, low, high, log = false, step = null } = distribution;
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    return { expected: 'a range from its lower to its upper bound', received: [low, high] };
  }
  if (kind === 'int' && !(Number.isSafeInteger(low) && Number.isSafeInteger(high))) {
    return { expected: 'whole bounds', received: [low, high] };
  }
  if (log && low < (kind === 'int' ? 1 : Number.MIN_VALUE)) {
    return {
      expected: `a lower bound ${kind === 'int' ? 'from 1' : 'above 0'} for a logarithmic range`,
      received: low,
    };
  }
  if (step !== null && !(step > 0 && (kind === 'float' || Number.isSafeInteger(step)))) {
    return { expected: `a ${kind === 'int' ? 'whole ' : ''}step above 0`, received: step };
  }
  if (log && step !== null && !(kind === 'int' && step === 1)) {
    return { expected: 'either a step or a logarithmic range', received: distribution };
  }
  return null;
}

/** The distance of neighbouring values: 1 for whole numbers without a step; null where every number is allowed. */
export function stepOf(distribution: Numerical): number | null {
  return distribution.step ?? (distribution.kind === 'int' ? 1 : null);
}

/** The largest value: the upper bound, or the last step below it. */
export function highestOf(distribution: Numerical): number {
  const step = stepOf(distribution);
  return step === null ? distribution.high : onStep(distribution, lastIndex(distribution, step));
}

/** `low + index · step`, without the last digit's noise: 0.3, not 0.30000000000000004. */
export function onStep({ low, step }: Numerical, index: number): number {
  return Number((low + index * (step ?? 1)).toPrecision(15));
}

/** The number of steps to the last value. 0.7 / 0.1 is 6.999999999999999 and means 7, as 0 + 7 · 0.1 is no more than 0.7. */
export function lastIndex(distribution: Numerical, step: number): number {
  const { low, high } = distribution;
  const index = Math.floor((high - low) / step + 1e-8);
  return onStep(distribution, index) > high ? index - 1 : index;
}

/** The value of the range that is nearest to `x`. */
export function nearest(distribution: Numerical, x: number): number {
  const { low } = distribution;
  const step = stepOf(distribution);
  if (step === null) return Math.min(Math.max(x, low), distribution.high);
  return onStep(distribution, Math.min(Math.max(halfToEven((x - low) / step), 0), lastIndex(distribution, step)));
}

/** As NumPy and IEEE 754 round: 0.5 → 0, 1.5 → 2. */
function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** Whether an option has one value only. */
export function isSingle(distribution: Distribution): boolean {
  if (distribution.kind === 'categorical') return distribution.choices.length === 1;
  return distribution.low === highestOf(distribution);
}

/**
 * The number of a value: itself, or the index of the choice. Undefined for what is not in the distribution, as an
 * option of a trial may be that was made in another space.
 */
export function numberOf(distribution: Distribution, value: unknown): number | undefined {
  if (distribution.kind === 'categorical') {
    const key = JSON.stringify(value);
    const index = distribution.choices.findIndex((choice) => choice === value || JSON.stringify(choice) === key);
    return index < 0 ? undefined : index;
  }
  if (typeof value !== 'number' || !(value >= distribution.low && value <= distribution.high)) return undefined;
  const step = stepOf(distribution);
  if (step === null) return value;
  const index = (value - distribution.low) / step;
  return Math.abs(index - Math.round(index)) < 1e-8 ? value : undefined;
}

/** The value of a number, the other way round. */
export function valueAt(distribution: Distribution, number: number): unknown {
  return distribution.kind === 'categorical' ? distribution.choices[number] : number;
}

/** Draws a value: uniform, in the logarithm for a logarithmic range; each step is as probable as any other. */
export function drawFrom(distribution: Distribution, stream: RandomStream): unknown {
  if (distribution.kind === 'categorical') return distribution.choices[stream.integer(distribution.choices.length)];
  const { low, high, log } = distribution;
  const step = stepOf(distribution);
  if (!log) {
    if (step === null) return nearest(distribution, low + (high - low) * stream.uniform());
    return onStep(distribution, stream.integer(lastIndex(distribution, step) + 1));
  }
  // A whole number n stands for n - 1/2 to n + 1/2.
  const margin = (step ?? 0) / 2;
  const [from, to] = [Math.log(low - margin), Math.log(high + margin)];
  return nearest(distribution, Math.exp(from + (to - from) * stream.uniform()));
}

/**
 * The values of an option in a grid, in their order.
 *
 * @throws OptionError for a range of real numbers without a step
 */
export function gridValues(option: string, distribution: Distribution): readonly unknown[] {
  if (distribution.kind === 'categorical') return distribution.choices;
  const step = stepOf(distribution);
  if (step !== null)
    return Array.from({ length: lastIndex(distribution, step) + 1 }, (_, i) => onStep(distribution, i));
  if (distribution.low === distribution.high) return [distribution.low];
  const { low, high, log } = distribution;
  const choices = log ? [low, Number(Math.sqrt(low * high).toPrecision(2)), high] : [low, (low + high) / 2, high];
  const way = log ? 'List its values' : 'Give it a step, or list its values';
  throw new OptionError({
    option,
    expected: 'a step, or a list of values',
    received: distribution,
    problem: ` is a range of real numbers, which has no grid. ${way}: ${choices.join(', ')}, for example.`,
  });
}
