import { randomStream } from '@graft-ml/core/internal/base/random';
import { median } from '../harness.ts';

/** The middle of some numbers, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  /** The first and the third quartile. */
  readonly quartiles: readonly [number, number];
  readonly count: number;
}

/** The median and quartiles, by linear interpolation between neighbours. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: median(sorted), quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)], count: values.length };
}

/** Of numbers in rising order. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

/** A ratio of times; below 1, ours is faster. */
export interface Ratio {
  /** The median over pairs of neighbouring turns. */
  readonly ratio: number;
  /** Its 95 % interval over pairs drawn with replacement (percentile bootstrap). */
  readonly interval: readonly [number, number];
  readonly pairs: readonly number[];
}

const resamples = 2000;

/** Ours / theirs, turn by turn, so that a machine that slows down does so for both. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const pairs = ours.map((value, i) => value / theirs[i]!);
  const stream = randomStream(0, 'bootstrap');
  const medians = Array.from({ length: resamples }, () =>
    median(pairs.map(() => pairs[stream.integer(pairs.length)]!)),
  ).sort((a, b) => a - b);
  return { ratio: median(pairs), interval: [quantile(medians, 0.025), quantile(medians, 0.975)], pairs };
}
