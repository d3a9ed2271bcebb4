import { OptionError } from '../base/errors.ts';

/** Class probabilities: a row (classes) for each example, (n, classes) in all. */
export type ProbabilityRows = readonly ArrayLike<number>[];

/** Counts or shares of classes by classes. */
export type ClassMatrix = readonly (readonly number[])[];

/** Probabilities that differ by less are equal, as in cleanlab. */
export const tolerance = 1e-6;

/** The confident joint of given and true labels, and the noise that it means. */
export interface LabelNoise {
  /** The mean probability of each class over the examples that are labelled so; 2 for a class without any. */
  readonly thresholds: readonly number[];
  /**
   * The number of examples by given label (row) and true label (column), estimated: each row sums to the examples that
   * have its label.
   */
  readonly joint: ClassMatrix;
  /** The share of each class among the true labels, estimated. */
  readonly prior: readonly number[];
  /** P(given = row | true = column): each column sums to 1. */
  readonly noise: ClassMatrix;
  /** P(true = row | given = column): each column sums to 1, but for a class without labels. */
  readonly inverse: ClassMatrix;
}

/**
 * Estimates how many labels of each class are truly of each other class, by confident learning (Northcutt, Jiang, Chuang:
 * "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021). An example counts as truly of class j where its
 * probability of j reaches the mean over the examples labelled j; of several such classes, where the likeliest is j.
 *
 * @param labels positions of classes (n)
 * @param probabilities (n, classes), of examples that the classifier was not fitted to
 * @throws OptionError where labels and probabilities do not fit one another
 */
export function estimateLabelNoise(labels: ArrayLike<number>, probabilities: ProbabilityRows): LabelNoise {
  const classes = assertFitting(labels, probabilities);
  const counts = countLabels(labels, classes);
  const thresholds = confidentThresholds(labels, probabilities, counts);
  const confident = emptyMatrix(classes);
  probabilities.forEach((row, i) => {
    const guess = confidentGuess(row, thresholds);
    if (guess !== null) confident[labels[i]!]![guess]!++;
  });
  // Every class is taken to have at least one label that is right.
  for (let k = 0; k < classes; k++) confident[k]![k] = Math.max(1, confident[k]![k]!);
  const joint = calibrated(confident, counts);
  const [given, truth] = [joint.map(sum), joint.map((_, k) => sum(joint.map((row) => row[k]!)))];
  const noise = clippedColumns(joint.map((row) => row.map((count, k) => share(count, truth[k]!))));
  const inverse = clippedColumns(joint.map((_, k) => joint.map((row, label) => share(row[k]!, given[label]!))));
  const shares = given.map((count, k) => share(truth[k]!, count) * share(counts[k]!, labels.length));
  return { thresholds, joint, prior: normalisedPrior(shares), noise, inverse };
}

/** The class that an example is confidently of; null for one that reaches no class's threshold. */
export function confidentGuess(row: ArrayLike<number>, thresholds: readonly number[]): number | null {
  const reached = thresholds.flatMap((threshold, k) => (row[k]! >= threshold - tolerance ? [k] : []));
  // Of several, cleanlab takes the likeliest class whether it is one of them or not.
  return reached.length > 1 ? likeliest(row) : (reached[0] ?? null);
}

/** The position of the largest value; of equal ones, the first. */
export function likeliest(row: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}

/** The number of examples of each label. */
export function countLabels(labels: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
}

/** @throws OptionError where there is not a label in range, and a row of numbers in [0, 1], for each example */
export function assertFitting(labels: ArrayLike<number>, probabilities: ProbabilityRows): number {
  const classes = probabilities[0]?.length ?? 0;
  if (probabilities.length === 0 || probabilities.length !== labels.length || classes < 2) {
    const received = `${probabilities.length} rows of ${classes} for ${labels.length} labels`;
    const expected = 'a row for each label, of two classes or more, and at least one';
    throw new OptionError({ option: 'probabilities', expected, received });
  }
  for (const [i, row] of probabilities.entries()) {
    const label = labels[i]!;
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      throw new OptionError({ option: `labels[${i}]`, expected: `a whole number below ${classes}`, received: label });
    if (row.length !== classes)
      throw new OptionError({
        option: `probabilities[${i}]`,
        expected: `${classes} numbers`,
        received: `${row.length}`,
      });
    for (let k = 0; k < classes; k++) {
      if (row[k]! >= 0 && row[k]! <= 1 + tolerance) continue;
      const option = `probabilities[${i}][${k}]`;
      throw new OptionError({ option, expected: 'a probability, from 0 to 1', received: row[k]! });
    }
  }
  return classes;
}

function confidentThresholds(
  labels: ArrayLike<number>,
  probabilities: ProbabilityRows,
  counts: readonly number[],
): number[] {
  const sums = counts.map(() => 0);
  probabilities.forEach((row, i) => {
    sums[labels[i]!]! += row[labels[i]!]!;
  });
  // Nothing reaches 2; and a threshold that is lower than the tolerance would be reached by 0.
  return sums.map((total, k) => (counts[k] === 0 ? 2 : Math.max(total / counts[k]!, 2 * tolerance)));
}

/**
 * Rows scaled to the number of their labels, in whole numbers that sum to it. Halves are common here, and which way they
 * are rounded hangs on the last bit: so all is computed in cleanlab's order, also what changes nothing but that bit.
 */
function calibrated(confident: ClassMatrix, counts: readonly number[]): number[][] {
  const scaled = confident.map((row, label) => {
    const total = sum(row);
    return row.map((count) => (count / total) * counts[label]!);
  });
  const byTruth = scaled.flatMap((_, k) => scaled.map((row) => row[k]!));
  const [total, labels] = [pairwiseSum(byTruth), sum(counts)];
  return scaled.map((row) => wholeNumbers(row.map((count) => (count / total) * labels)));
}

/** The sum in NumPy's order: eight partial sums, and of more than 128 numbers by halves. */
function pairwiseSum(values: readonly number[]): number {
  const { length } = values;
  if (length < 8) return sum(values);
  if (length > 128) {
    const half = (length >> 1) - ((length >> 1) % 8);
    return pairwiseSum(values.slice(0, half)) + pairwiseSum(values.slice(half));
  }
  const parts = values.slice(0, 8);
  const whole = length - (length % 8);
  for (let i = 8; i < whole; i++) parts[i % 8]! += values[i]!;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = parts;
  return values.slice(whole).reduce((total, value) => total + value, a + b + (c + d) + (e + f + (g + h)));
}

/** Rounded so that the sum is what rounding the sum gives: what is furthest from its whole number gives way. */
export function wholeNumbers(values: readonly number[]): number[] {
  const whole = values.map(roundHalfEven);
  for (;;) {
    const missing = roundHalfEven(sum(values)) - sum(whole);
    if (missing === 0) return whole;
    const order = values.map((_, i) => i).sort((a, b) => values[a]! - whole[a]! - (values[b]! - whole[b]!));
    if (missing > 0) order.reverse();
    for (const i of order.slice(0, Math.abs(missing))) whole[i]! += Math.sign(missing);
  }
}

/** IEEE's rounding, which NumPy uses: 0.5 to 0, 1.5 to 2. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Off the diagonal at most 0.9999, and each column divided by its sum. */
function clippedColumns(matrix: ClassMatrix): number[][] {
  const clipped = matrix.map((row, i) => row.map((value, k) => (i === k ? value : Math.min(value, 0.9999))));
  const sums = clipped.map((_, k) => sum(clipped.map((row) => row[k]!)));
  return clipped.map((row) => row.map((value, k) => share(value, sums[k]!)));
}

/** No class has no probability. */
function normalisedPrior(shares: readonly number[]): number[] {
  const clipped = shares.map((value) => Math.min(1, Math.max(tolerance, value)));
  return clipped.map((value) => value / sum(clipped));
}

const emptyMatrix = (classes: number) => Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
/** The part of a whole; of nothing, 0. */
const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
