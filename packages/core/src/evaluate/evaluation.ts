import { OptionError, ShapeError } from '../base/errors.ts';
import { argmax, rankOf } from '../base/largest.ts';
import { Bootstrap, type BootstrapIntervals, type Interval } from './bootstrap.ts';
import {
  averageOver,
  type ClassAverages,
  type ClassMetrics,
  type ConfusionMatrix,
  countsOf,
  rowShares,
  scoresOfCounts,
} from './class-scores.ts';
import { meanOfDefined, wilsonInterval } from './metrics.ts';
import { type ClassRanking, type CurvePoint, meanCurve, RankingCounter } from './ranking.ts';
import { type Reliability, ReliabilityCounter } from './reliability.ts';

/** An image that was classified. */
export interface Judged {
  readonly label: number;
  /** One probability per class, or one logit where the options say so. */
  readonly probabilities: ArrayLike<number>;
}

export interface EvaluationOptions {
  /** The classifier's outputs. Default `probabilities`; of `logits` the softmax is taken. */
  readonly outputs?: 'probabilities' | 'logits' | undefined;
  /** The numbers k of top-k accuracies. Default `[5]`; those that are no smaller than the number of classes are left out. */
  readonly topK?: readonly number[] | undefined;
  /** The bins of the reliability diagram and of the expected calibration error. Default 15. */
  readonly bins?: number | undefined;
  /** The replicates of the bootstrap. Default 1000; 0: no intervals but the accuracy's. */
  readonly replicates?: number | undefined;
  /** The seed of the bootstrap. Default 0. */
  readonly seed?: number | undefined;
  /**
   * The most probabilities (images times classes) that are kept to rank images exactly, in 4 bytes each where they come
   * as float32. Beyond, ROC-AUC and average precision are counted in bins. Default 2^25: 128 MB.
   */
  readonly exactScores?: number | undefined;
}

/** Curves of one class against the rest, or of their mean, thinned for drawing. */
export interface EvaluationCurves {
  /** The class; null for the mean of all. */
  readonly name: string | null;
  /** False positive rate, true positive rate. */
  readonly roc: readonly CurvePoint[];
  /** Recall, precision. */
  readonly precisionRecall: readonly CurvePoint[];
}

/** How well a classifier does on labelled images. Shares are in [0, 1]; NaN (null in JSON) is what is not defined. */
export interface EvaluationMetrics {
  readonly images: number;
  readonly correct: number;
  readonly accuracy: number;
  /** 95 % interval of the accuracy (Wilson 1927). */
  readonly interval: Interval;
  /** Share of images whose class is among the five most probable; null with five classes or fewer. */
  readonly top5: number | null;
  /** The same for each k that was asked for. */
  readonly topK: readonly { readonly k: number; readonly accuracy: number }[];
  /** Mean recall of the classes that have images. */
  readonly balancedAccuracy: number;
  /** Mean cross entropy in nats: scikit-learn's log loss. */
  readonly loss: number;
  /** Over classes, each counting alike. */
  readonly macro: ClassAverages;
  /** Over classes, each by its images. */
  readonly weighted: ClassAverages;
  readonly calibration: Reliability;
  readonly classes: readonly ClassMetrics[];
  readonly confusion: ConfusionMatrix;
  /** The share of each row's images; NaN in the row of a class without images. */
  readonly confusionByRow: readonly (readonly number[])[];
  /** How ROC-AUC and average precision were computed, and the most that one of a class can be off. */
  readonly ranking: { readonly method: 'exact' | 'binned'; readonly error: number };
  /** The mean over classes first, then each class; of more than 50 classes the mean alone. */
  readonly curves: readonly EvaluationCurves[];
  /** Bootstrap intervals; null where none were asked for. */
  readonly intervals: BootstrapIntervals | null;
}

/** An evaluation under way. */
export interface RunningEvaluation {
  /** The images so far. */
  readonly images: number;
  /** Takes in an image: its class, and one output per class. */
  add(label: number, outputs: ArrayLike<number>): void;
  /** Over all that was added. */
  value(): EvaluationMetrics;
}

/** With more classes than these, only the mean of their curves is given. */
const mostCurves = 50;
/** The smallest probability that the loss knows: scikit-learn's, of float64. */
const epsilon = 2 ** -52;

/**
 * Evaluates image by image, in memory that does not grow with them beyond `exactScores`: counts for each pair of classes,
 * sums for each replicate.
 *
 * @throws OptionError where an option is no such number
 * @example
 * const evaluation = startEvaluation(['cat', 'dog']);
 * evaluation.add(0, [0.8, 0.2]);
 * evaluation.add(1, [0.6, 0.4]);
 * evaluation.value().accuracy; // 0.5
 */
export function startEvaluation(classes: readonly string[], options: EvaluationOptions = {}): RunningEvaluation {
  return new Counter(classes, options);
}

/** The numbers of a classifier over labelled images that are at hand all at once. */
export function measure(
  judged: readonly Judged[],
  classes: readonly string[],
  options: EvaluationOptions = {},
): EvaluationMetrics {
  const evaluation = startEvaluation(classes, options);
  for (const { label, probabilities } of judged) evaluation.add(label, probabilities);
  return evaluation.value();
}

class Counter implements RunningEvaluation {
  readonly #classes: readonly string[];
  readonly #isLogits: boolean;
  readonly #topK: readonly number[];
  /** Hits by k: `topK` and 5. */
  readonly #hits: Map<number, number>;
  readonly #confusion: number[][];
  readonly #reliability: ReliabilityCounter;
  readonly #ranking: RankingCounter;
  readonly #bootstrap: Bootstrap | null;
  #images = 0;
  #loss = 0;

  constructor(classes: readonly string[], options: EvaluationOptions) {
    const { outputs = 'probabilities', topK = [5], bins = 15, replicates = 1000, seed = 0 } = options;
    assertWhole('topK', topK, 1);
    assertWhole('bins', [bins], 1);
    assertWhole('replicates', [replicates], 0);
    this.#classes = classes;
    this.#isLogits = outputs === 'logits';
    this.#topK = topK.filter((k) => k < classes.length);
    this.#hits = new Map([5, ...this.#topK].map((k) => [k, 0]));
    this.#confusion = classes.map(() => new Array<number>(classes.length).fill(0));
    this.#reliability = new ReliabilityCounter(bins);
    this.#ranking = new RankingCounter(classes.length, options.exactScores ?? 2 ** 25);
    this.#bootstrap = replicates === 0 ? null : new Bootstrap(classes.length, { replicates, seed });
  }

  get images(): number {
    return this.#images;
  }

  add(label: number, outputs: ArrayLike<number>): void {
    this.#check(label, outputs);
    const probabilities = this.#isLogits ? softmax(outputs) : outputs;
    const taken = argmax(probabilities);
    const rank = rankOf(probabilities, label);
    const loss = -Math.log(Math.max(probabilities[label]!, epsilon));
    this.#images++;
    this.#loss += loss;
    this.#confusion[label]![taken]!++;
    for (const [k, hits] of this.#hits) if (rank < k) this.#hits.set(k, hits + 1);
    this.#reliability.add(probabilities[taken]!, taken === label);
    this.#ranking.add(label, probabilities);
    this.#bootstrap?.add(label, taken, loss);
  }

  value(): EvaluationMetrics {
    const correct = this.#confusion.reduce((sum, row, i) => sum + row[i]!, 0);
    const rankings = this.#ranking.value();
    const classes = this.#classMetrics(rankings);
    const support = classes.map((one) => one.support);
    return {
      images: this.#images,
      correct,
      accuracy: correct / this.#images,
      interval: wilsonInterval(correct, this.#images),
      top5: this.#classes.length > 5 ? this.#topAccuracy(5) : null,
      topK: this.#topK.map((k) => ({ k, accuracy: this.#topAccuracy(k) })),
      balancedAccuracy: meanOfDefined(classes.map(({ recall }) => recall)),
      loss: this.#loss / this.#images,
      macro: averageOver(classes),
      weighted: averageOver(classes, support),
      calibration: this.#reliability.value(),
      classes,
      confusion: this.#confusion.map((row) => [...row]),
      confusionByRow: rowShares(this.#confusion),
      ranking: {
        method: this.#ranking.isExact ? 'exact' : 'binned',
        error: Math.max(0, ...rankings.map(({ error }) => error)),
      },
      curves: curvesOf(this.#classes, rankings),
      intervals: this.#bootstrap?.value(this.#ranking) ?? null,
    };
  }

  #classMetrics(rankings: readonly ClassRanking[]): ClassMetrics[] {
    return countsOf(this.#confusion).map((counts, i) => ({
      name: this.#classes[i]!,
      support: counts.support,
      predicted: counts.predicted,
      ...scoresOfCounts(counts),
      rocAuc: rankings[i]!.rocAuc,
      averagePrecision: rankings[i]!.averagePrecision,
    }));
  }

  #topAccuracy(k: number): number {
    return this.#hits.get(k)! / this.#images;
  }

  #check(label: number, outputs: ArrayLike<number>): void {
    const classes = this.#classes.length;
    if (Number.isInteger(label) && label >= 0 && label < classes && outputs.length === classes) return;
    throw new ShapeError({
      op: 'evaluation',
      expected: `a label from 0 to ${classes - 1} and ${classes} outputs`,
      received: `label ${label} and ${outputs.length} outputs`,
      message: `expected a label from 0 to ${classes - 1} and ${classes} outputs, received label ${label} and ${outputs.length}.`,
    });
  }
}

function curvesOf(classes: readonly string[], rankings: readonly ClassRanking[]): EvaluationCurves[] {
  const mean = {
    name: null,
    roc: meanCurve(rankings.map(({ roc }) => roc)),
    precisionRecall: meanCurve(rankings.map(({ precisionRecall }) => precisionRecall)),
  };
  if (classes.length > mostCurves) return [mean];
  return [mean, ...rankings.map(({ roc, precisionRecall }, i) => ({ name: classes[i]!, roc, precisionRecall }))];
}

/** Probabilities from logits, in float64. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const exponentials = Float64Array.from(logits);
  const largest = exponentials.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const [i, value] of exponentials.entries()) sum += exponentials[i] = Math.exp(value - largest);
  return exponentials.map((value) => value / sum);
}

function assertWhole(option: 'topK' | 'bins' | 'replicates', values: readonly number[], least: number): void {
  const wrong = values.find((value) => !Number.isInteger(value) || value < least);
  if (wrong !== undefined)
    throw new OptionError({ option, expected: `a whole number from ${least} up`, received: wrong });
}
