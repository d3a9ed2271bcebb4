/** The result of one run of a cross-validation. */
export interface FoldResult {
  /** The number of the fold, from 1 on. */
  readonly fold: number;
  /** The run folder. */
  readonly out: string;
  /** Images that it validated with. */
  readonly validation: number;
  readonly accuracy: number;
  readonly loss: number;
  readonly epoch: number;
}

/** A mean over folds, and how far it may be from what another division would give. */
export interface MeanInterval {
  readonly mean: number;
  /** Standard deviation of one fold, with n - 1. */
  readonly deviation: number;
  /** Half the width of the 95 % interval of the mean. */
  readonly margin: number;
}

export interface FoldSummary {
  readonly folds: readonly FoldResult[];
  readonly accuracy: MeanInterval;
  readonly loss: MeanInterval;
}

/** The mean accuracy and loss over all folds, each fold counting once. */
export function summariseFolds(folds: readonly FoldResult[]): FoldSummary {
  return {
    folds,
    accuracy: meanInterval(folds.map(({ accuracy }) => accuracy)),
    loss: meanInterval(folds.map(({ loss }) => loss)),
  };
}

/**
 * mean ± t · s / √n with Student's t at n - 1 degrees of freedom. The folds' training sets overlap, so that the true
 * interval is somewhat wider (Bengio & Grandvalet 2004): there is no unbiased estimate of it.
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return { mean, deviation, margin: (studentQuantile(n - 1) * deviation) / Math.sqrt(n) };
}

/** Student's t at 97.5 %, for 1 to 9 degrees of freedom. */
const fewDegrees = [12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216] as const;

/** Student's t at 97.5 %; beyond the table by its expansion around the normal quantile (Abramowitz & Stegun 26.7.5). */
export function studentQuantile(degrees: number): number {
  const known = fewDegrees[degrees - 1];
  if (known !== undefined) return known;
  const z = 1.959964;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
  ];
  return terms.reduce((sum, term, i) => sum + term / degrees ** (i + 1), z);
}
