import { OptionError } from '../base/errors.ts';
import {
  assertFitting,
  type ClassMatrix,
  confidentGuess,
  countLabels,
  estimateLabelNoise,
  type LabelNoise,
  likeliest,
  type ProbabilityRows,
  tolerance,
  wholeNumbers,
} from './confident-joint.ts';

/** A way of choosing the labels that are suspected, cleanlab's `filter_by`. */
export type LabelFilter =
  | 'prune-by-noise-rate'
  | 'prune-by-class'
  | 'both'
  | 'confident-learning'
  | 'predicted-neq-given'
  | 'low-self-confidence'
  | 'low-normalized-margin';
/** A score by which suspects are ranked, cleanlab's `return_indices_ranked_by`. */
export type LabelRanking = 'self-confidence' | 'normalized-margin' | 'confidence-weighted-entropy';

export const labelFilters = [
  'prune-by-noise-rate',
  'prune-by-class',
  'both',
  'confident-learning',
  'predicted-neq-given',
  'low-self-confidence',
  'low-normalized-margin',
] as const satisfies readonly LabelFilter[];
export const labelRankings = [
  'self-confidence',
  'normalized-margin',
  'confidence-weighted-entropy',
] as const satisfies readonly LabelRanking[];

/** Options for finding label issues. */
export interface LabelIssueOptions {
  /**
   * The labels that are suspected: of each pair of classes, as many as the confident joint has, with the largest margin
   * (`prune-by-noise-rate`); of each class, as many as it has too many, with the lowest probability (`prune-by-class`);
   * those that `both` find; those that are counted off the diagonal (`confident-learning`); all that are classified
   * otherwise (`predicted-neq-given`); or the lowest scores, as many as are counted off the diagonal. Default
   * `prune-by-noise-rate`.
   */
  readonly filter?: LabelFilter;
  /** The score of a label's quality; the lowest come first. Default `self-confidence`. */
  readonly rank?: LabelRanking;
}

/** A label that is probably wrong. */
export interface LabelIssue {
  /** The position of the example. */
  readonly index: number;
  /** The label that it has. */
  readonly given: number;
  /** The likeliest class. */
  readonly likely: number;
  /** The probability of the given label. */
  readonly selfConfidence: number;
  /** The probability of the likeliest class. */
  readonly confidence: number;
  /** The quality of the label, from 0 to 1: the score by which it is ranked. */
  readonly quality: number;
}

/** The labels that are probably wrong, the worst first, and the noise that they were found by. */
export interface LabelIssues {
  readonly issues: readonly LabelIssue[];
  readonly noise: LabelNoise;
}

/**
 * Labels that are probably wrong, by confident learning: what cleanlab 2.9's `find_label_issues` finds in the same
 * probabilities, in its order. Of fewer than four classes it finds too few.
 *
 * @param labels positions of classes (n)
 * @param probabilities (n, classes), out of sample: of a classifier that was not fitted to the example, as by
 * cross-validation
 * @throws OptionError where labels and probabilities do not fit one another
 * @example
 * const { issues } = findLabelIssues([0, 0, 1, 1], [[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]]);
 */
export function findLabelIssues(
  labels: ArrayLike<number>,
  probabilities: ProbabilityRows,
  { filter = 'prune-by-noise-rate', rank = 'self-confidence' }: LabelIssueOptions = {},
): LabelIssues {
  if (!labelFilters.includes(filter))
    throw new OptionError({ option: 'filter', expected: `one of ${labelFilters.join(', ')}`, received: filter });
  const noise = estimateLabelNoise(labels, probabilities);
  const problem: Problem = { labels, probabilities, noise };
  const quality = labelQuality(labels, probabilities, rank);
  const isSuspect = filters[filter](problem);
  const issues = probabilities.flatMap((row, index): LabelIssue[] => {
    if (!isSuspect[index]) return [];
    const [given, likely] = [labels[index]!, likeliest(row)];
    return [{ index, given, likely, selfConfidence: row[given]!, confidence: row[likely]!, quality: quality[index]! }];
  });
  return { issues: issues.sort((a, b) => a.quality - b.quality), noise };
}

/**
 * The quality of each label from 0 (wrong) to 1 (right), cleanlab's `get_label_quality_scores`: the probability of the
 * given label, p; the margin, (p - largest other + 1) / 2; or log(1 + e) / e of e = entropy / (p log classes).
 *
 * @param labels positions of classes (n)
 * @param probabilities (n, classes), out of sample
 * @throws OptionError where labels and probabilities do not fit one another
 */
export function labelQuality(
  labels: ArrayLike<number>,
  probabilities: ProbabilityRows,
  rank: LabelRanking = 'self-confidence',
): number[] {
  assertFitting(labels, probabilities);
  const score = scores[rank];
  if (!score) throw new OptionError({ option: 'rank', expected: `one of ${labelRankings.join(', ')}`, received: rank });
  return probabilities.map((row, i) => score(row, labels[i]!));
}

const scores: { readonly [R in LabelRanking]: (row: ArrayLike<number>, label: number) => number } = {
  'self-confidence': (row, label) => row[label]!,
  'normalized-margin': (row, label) => (row[label]! - largestOther(row, label) + 1) / 2,
  'confidence-weighted-entropy'(row, label) {
    const weighted = normalisedEntropy(row) / Math.max(row[label]!, tolerance);
    return Math.log(weighted + 1) / Math.max(weighted, tolerance);
  },
};

/** The entropy of a row of probabilities, as a share of the largest that so many classes can have. */
export function normalisedEntropy(row: ArrayLike<number>): number {
  let entropy = 0;
  for (let k = 0; k < row.length; k++) if (row[k]! > 0) entropy -= row[k]! * Math.log(row[k]!);
  return entropy / Math.log(row.length);
}

/** What a filter judges by. */
interface Problem {
  readonly labels: ArrayLike<number>;
  readonly probabilities: ProbabilityRows;
  readonly noise: LabelNoise;
}

/** Whether each example is suspected. */
type Filter = (problem: Problem) => boolean[];

const filters: { readonly [F in LabelFilter]: Filter } = {
  'prune-by-noise-rate': (problem) => unlessPredicted(problem, byNoiseRate(problem)),
  'prune-by-class': (problem) => unlessPredicted(problem, byClass(problem)),
  both(problem) {
    const own = byClass(problem);
    return unlessPredicted(
      problem,
      byNoiseRate(problem).map((isSuspect, i) => isSuspect && own[i]!),
    );
  },
  'confident-learning': offDiagonal,
  'predicted-neq-given': (problem) =>
    unlessPredicted(
      problem,
      problem.probabilities.map((row, i) => likeliest(row) !== problem.labels[i]),
    ),
  'low-self-confidence': (problem) => lowest(problem, 'self-confidence'),
  'low-normalized-margin': (problem) => lowest(problem, 'normalized-margin'),
};

/** Of the images of each class, for each other one those that look most like it, as many as are estimated to be so. */
function byNoiseRate({ labels, probabilities, noise }: Problem): boolean[] {
  const isSuspect = probabilities.map(() => false);
  const counts = countsToPrune(noise.joint);
  for (const [given, own] of examplesOf(labels, noise.joint.length).entries()) {
    if (own.length <= leastPerClass) continue;
    counts[given]!.forEach((count, other) => {
      if (other === given || count === 0) return;
      const margin = (i: number) => probabilities[i]![other]! - probabilities[i]![given]!;
      for (const i of own.toSorted((a, b) => margin(b) - margin(a)).slice(0, count)) isSuspect[i] = true;
    });
  }
  return isSuspect;
}

/** Of the images of each class, those that look least like it, as many as are estimated to be of others. */
function byClass({ labels, probabilities, noise }: Problem): boolean[] {
  const isSuspect = probabilities.map(() => false);
  const counts = countsToPrune(noise.joint);
  for (const [given, own] of examplesOf(labels, noise.joint.length).entries()) {
    if (own.length <= leastPerClass) continue;
    const count = Math.max(0, own.length - counts[given]![given]!);
    const confidence = (i: number) => probabilities[i]![given]!;
    for (const i of own.toSorted((a, b) => confidence(a) - confidence(b)).slice(0, count)) isSuspect[i] = true;
  }
  return isSuspect;
}

/** Examples that confident learning counts as truly of another class. */
function offDiagonal(problem: Problem): boolean[] {
  const { labels, probabilities, noise } = problem;
  return unlessPredicted(
    problem,
    probabilities.map((row, i) => {
      const guess = confidentGuess(row, noise.thresholds);
      return guess !== null && guess !== labels[i];
    }),
  );
}

/** The lowest scores, as many as `offDiagonal` suspects. */
function lowest(problem: Problem, rank: LabelRanking): boolean[] {
  const count = offDiagonal(problem).filter(Boolean).length;
  const quality = labelQuality(problem.labels, problem.probabilities, rank);
  const order = quality.map((_, i) => i).sort((a, b) => quality[a]! - quality[b]!);
  const suspected = new Set(order.slice(0, count));
  return quality.map((_, i) => suspected.has(i));
}

/** Nobody suspects a label that is what the classifier says. */
function unlessPredicted({ labels, probabilities }: Problem, isSuspect: readonly boolean[]): boolean[] {
  return probabilities.map((row, i) => isSuspect[i]! && row[labels[i]!]! + tolerance < largestOther(row, labels[i]!));
}

/** Examples that a class is left with, whatever is estimated. */
const leastPerClass = 1;

/**
 * The examples to suspect by given (row) and true label (column); the diagonal is what stays, at least `leastPerClass`,
 * for which the row's others give way alike.
 */
function countsToPrune(joint: ClassMatrix): number[][] {
  return joint.map((row, given) => {
    const kept = Math.max(row[given]!, leastPerClass);
    const others = Math.max(1, row.filter((count) => count !== 0).length - 1);
    const less = (kept - row[given]!) / others;
    return wholeNumbers(row.map((count, k) => (k === given ? kept : Math.trunc(Math.max(0, count - less)))));
  });
}

/** The positions of the examples with each label. */
function examplesOf(labels: ArrayLike<number>, classes: number): number[][] {
  const examples = countLabels(labels, classes).map((): number[] => []);
  for (let i = 0; i < labels.length; i++) examples[labels[i]!]!.push(i);
  return examples;
}

function largestOther(row: ArrayLike<number>, label: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < row.length; k++) if (k !== label && row[k]! > largest) largest = row[k]!;
  return largest;
}
