import { OptionError } from '../base/errors.ts';
import { ranked } from '../base/largest.ts';
import { assertFitting, likeliest } from './confident-joint.ts';
import type { Judged } from './evaluation.ts';
import { normalisedEntropy } from './label-issues.ts';

/** An example by its position, with its label and the answer of the classifier. */
export interface JudgedExample {
  readonly index: number;
  readonly label: number;
  /** The likeliest class; of equally likely ones, the first. */
  readonly predicted: number;
  /** The probability of that class. */
  readonly confidence: number;
  /** The probability of the label. */
  readonly probability: number;
}

/** An example with its cross entropy, -log p of its label, in nats; p counts as 1e-12 at least. */
export interface ExampleLoss extends JudgedExample {
  readonly loss: number;
}

/** Two classes of which one is taken for the other. */
export interface ConfusedPair {
  readonly label: number;
  readonly predicted: number;
  /** Examples of the label that are classified so. */
  readonly count: number;
  /** Their share of all examples of the label. */
  readonly share: number;
  /** Their positions, the most confident answer first. */
  readonly examples: readonly number[];
}

/** An example with the uncertainty of its answer. */
export interface UnsureExample extends JudgedExample {
  /** From 0, where one class has all probability, to 1, where all classes (by margin: two) are equally likely. */
  readonly uncertainty: number;
}

/** A measure of how unsure an answer is. */
export type Uncertainty = 'entropy' | 'margin';

/** Options for finding examples. */
export interface ExamplesOptions {
  /** The length of the list, at most. Default: all. */
  readonly count?: number;
}

/** Options for finding confused pairs. */
export interface MostConfusedOptions extends ExamplesOptions {
  /** The least number of examples of a pair. Default 1. */
  readonly least?: number;
}

/** Options for finding unsure examples. */
export interface LeastSureOptions extends ExamplesOptions {
  /** The entropy as a share of the largest, or 1 less the margin between the two likeliest. Default `entropy`. */
  readonly by?: Uncertainty;
}

/**
 * The examples with the largest losses, the largest first: mistakes that the classifier is sure of, and wrong labels.
 *
 * @param judged labels and probabilities (classes)
 * @throws OptionError where a label has no probability
 * @example const [worst] = topLosses([{ label: 0, probabilities: [0.2, 0.8] }], { count: 9 });
 */
export function topLosses(judged: readonly Judged[], { count }: ExamplesOptions = {}): ExampleLoss[] {
  return examplesOf(judged)
    .map((example) => ({ ...example, loss: -Math.log(Math.max(example.probability, 1e-12)) }))
    .sort((a, b) => b.loss - a.loss)
    .slice(0, count);
}

/**
 * The pairs of label and wrong answer, the most frequent first; of equally frequent ones, that with the larger share
 * of its class.
 *
 * @param judged labels and probabilities (classes)
 * @throws OptionError where a label has no probability
 */
export function mostConfused(
  judged: readonly Judged[],
  { count, least = 1 }: MostConfusedOptions = {},
): ConfusedPair[] {
  const examples = examplesOf(judged);
  const support = new Map<number, number>();
  const wrong = new Map<string, JudgedExample[]>();
  for (const example of examples) {
    const { label, predicted } = example;
    support.set(label, (support.get(label) ?? 0) + 1);
    if (label === predicted) continue;
    const key = `${label} ${predicted}`;
    const own = wrong.get(key);
    if (own) own.push(example);
    else wrong.set(key, [example]);
  }
  return [...wrong.values()]
    .filter(({ length }) => length >= least)
    .map((own) => {
      const { label, predicted } = own[0]!;
      const sorted = own.toSorted((a, b) => b.confidence - a.confidence);
      const share = own.length / support.get(label)!;
      return { label, predicted, count: own.length, share, examples: sorted.map(({ index }) => index) };
    })
    .sort(byFrequency)
    .slice(0, count);
}

/** A `ConfusedPair` without its examples. */
export type CountedPair = Omit<ConfusedPair, 'examples'>;

/** The pairs of `mostConfused` from a confusion matrix: rows are labels, columns answers. */
export function confusedPairs(confusion: readonly (readonly number[])[]): CountedPair[] {
  const pairs = confusion.flatMap((row, label) => {
    const support = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, predicted) =>
      label === predicted || count === 0 ? [] : [{ label, predicted, count, share: count / support }],
    );
  });
  return pairs.sort(byFrequency);
}

function byFrequency(a: CountedPair, b: CountedPair): number {
  return b.count - a.count || b.share - a.share || a.label - b.label || a.predicted - b.predicted;
}

/**
 * The examples that the classifier is least sure of, right or wrong, the least sure first.
 *
 * @param judged labels and probabilities (classes)
 * @throws OptionError where a label has no probability, or `by` is no measure
 */
export function leastSure(
  judged: readonly Judged[],
  { count, by = 'entropy' }: LeastSureOptions = {},
): UnsureExample[] {
  const uncertainty = measures[by];
  if (!uncertainty)
    throw new OptionError({ option: 'by', expected: `one of ${Object.keys(measures).join(', ')}`, received: by });
  return examplesOf(judged)
    .map((example) => ({ ...example, uncertainty: uncertainty(judged[example.index]!.probabilities) }))
    .sort((a, b) => b.uncertainty - a.uncertainty)
    .slice(0, count);
}

const measures: { readonly [U in Uncertainty]: (row: ArrayLike<number>) => number } = {
  entropy: normalisedEntropy,
  margin(row) {
    const [first, second] = ranked(row, 2);
    return 1 - (row[first!]! - row[second!]!);
  },
};

function examplesOf(judged: readonly Judged[]): JudgedExample[] {
  if (judged.length === 0) return [];
  assertFitting(
    judged.map(({ label }) => label),
    judged.map(({ probabilities }) => probabilities),
  );
  return judged.map(({ label, probabilities }, index) => {
    const predicted = likeliest(probabilities);
    return { index, label, predicted, confidence: probabilities[predicted]!, probability: probabilities[label]! };
  });
}
