import { z95 } from './metrics.ts';

/** A test of whether two classifiers differ on the same images, by those that only one of them gets right. */
export interface McNemar {
  /** Images that only the first gets right. */
  readonly onlyFirst: number;
  /** Images that only the second gets right. */
  readonly onlySecond: number;
  /** The chance of a split at least as uneven if both were equally good: exact, two-sided. */
  readonly pValue: number;
}

/**
 * McNemar's test (1947), exact: under the hypothesis that neither is better, the images that only one gets right fall to
 * either side like a fair coin. p = min(1, 2 · P(X ≤ min(a, b))), X binomial of a + b trials at ½.
 */
export function mcnemar(onlyFirst: number, onlySecond: number): McNemar {
  const trials = onlyFirst + onlySecond;
  const least = Math.min(onlyFirst, onlySecond);
  // The logarithm of C(n, k) / 2^n, k from 0 up; the sum is taken by logarithms too, as 2^-n is soon too small.
  let term = -trials * Math.LN2;
  let log = term;
  for (let k = 1; k <= least; k++) {
    term += Math.log((trials - k + 1) / k);
    log = term + Math.log1p(Math.exp(log - term));
  }
  return { onlyFirst, onlySecond, pValue: Math.min(1, 2 * Math.exp(log)) };
}

/**
 * 95 % interval of the second's accuracy minus the first's on the same images (Bonett and Price 2012: Wald's interval
 * after one image more on either side, which holds with few images too).
 */
export function pairedInterval({ onlyFirst, onlySecond }: McNemar, images: number): [low: number, high: number] {
  const [a, b] = [(onlyFirst + 1) / (images + 2), (onlySecond + 1) / (images + 2)];
  const spread = z95 * Math.sqrt((a + b - (b - a) ** 2) / (images + 2));
  return [Math.max(-1, b - a - spread), Math.min(1, b - a + spread)];
}
