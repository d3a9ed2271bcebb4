/*
 * The Poisson bootstrap (Hanley and MacGibbon 2006, Chamandy et al. 2012): in each replicate every image counts 0, 1, 2,
 * … times, drawn from Poisson(1) as it comes by. Sums alone are kept, so that the images need not be, and each draw has
 * its own address, so that the same images in the same order give the same intervals.
 */
import { type RandomStream, randomStream } from '../base/random.ts';
import { scoresOfCounts } from './class-scores.ts';
import { meanOfDefined } from './metrics.ts';
import type { RankingCounter } from './ranking.ts';

/** An interval with its ends. */
export type Interval = readonly [low: number, high: number];

/** 95 % intervals by the bootstrap: the middle 95 % of what is measured when the images are drawn again. */
export interface BootstrapIntervals {
  readonly replicates: number;
  readonly seed: number;
  readonly accuracy: Interval;
  readonly balancedAccuracy: Interval;
  readonly loss: Interval;
  /** Of the macro averages. */
  readonly precision: Interval;
  readonly recall: Interval;
  readonly f1: Interval;
  /** Of the macro averages; null where not all probabilities are kept, or there are too many to rank so often. */
  readonly rocAuc: Interval | null;
  readonly averagePrecision: Interval | null;
}

export interface BootstrapOptions {
  /** Default 1000. */
  readonly replicates: number;
  readonly seed: number;
}

/** The most probabilities that the replicates rank, one by one. */
const mostRanked = 2e8;

/** Counts up every replicate, image by image. */
export class Bootstrap {
  readonly #options: BootstrapOptions;
  readonly #streams: readonly RandomStream[];
  readonly #images: Float64Array;
  readonly #loss: Float64Array;
  /** By class and replicate. */
  readonly #support: Uint32Array[];
  readonly #predicted: Uint32Array[];
  readonly #correct: Uint32Array[];

  constructor(classes: number, options: BootstrapOptions) {
    const { replicates } = options;
    const byClass = () => Array.from({ length: classes }, () => new Uint32Array(replicates));
    this.#options = options;
    this.#streams = streamsOf(options);
    [this.#images, this.#loss] = [new Float64Array(replicates), new Float64Array(replicates)];
    [this.#support, this.#predicted, this.#correct] = [byClass(), byClass(), byClass()];
  }

  add(label: number, taken: number, loss: number): void {
    const [support, predicted, correct] = [this.#support[label]!, this.#predicted[taken]!, this.#correct[label]!];
    for (const [r, stream] of this.#streams.entries()) {
      const weight = poisson(stream);
      if (weight === 0) continue;
      this.#images[r]! += weight;
      this.#loss[r]! += weight * loss;
      support[r]! += weight;
      predicted[r]! += weight;
      if (label === taken) correct[r]! += weight;
    }
  }

  value(ranking: RankingCounter | null): BootstrapIntervals {
    const { replicates, seed } = this.#options;
    const scores = Array.from(this.#images, (_, r) => this.#scores(r));
    const interval = (name: keyof (typeof scores)[number]) => middle(scores.map((one) => one[name]));
    const areas = ranking && this.#areas(ranking);
    return {
      replicates,
      seed,
      accuracy: interval('accuracy'),
      balancedAccuracy: interval('recall'),
      loss: interval('loss'),
      precision: interval('precision'),
      recall: interval('recall'),
      f1: interval('f1'),
      rocAuc: areas && middle(areas.map(([rocAuc]) => rocAuc)),
      averagePrecision: areas && middle(areas.map(([, averagePrecision]) => averagePrecision)),
    };
  }

  #scores(r: number) {
    const classes = this.#support.map((support, c) =>
      scoresOfCounts({ support: support[r]!, predicted: this.#predicted[c]![r]!, correct: this.#correct[c]![r]! }),
    );
    return {
      accuracy: this.#correct.reduce((sum, correct) => sum + correct[r]!, 0) / this.#images[r]!,
      loss: this.#loss[r]! / this.#images[r]!,
      precision: meanOfDefined(classes.map(({ precision }) => precision)),
      recall: meanOfDefined(classes.map(({ recall }) => recall)),
      f1: meanOfDefined(classes.map(({ f1 }) => f1)),
    };
  }

  /** The macro averages of ROC-AUC and average precision in every replicate; null where that is not done. */
  #areas(ranking: RankingCounter): [rocAuc: number, averagePrecision: number][] | null {
    const classes = this.#support.length;
    const { labels } = ranking;
    if (!ranking.isExact || classes * labels.length * this.#options.replicates > mostRanked) return null;
    const orders = Array.from({ length: classes }, (_, label) => ranking.order(label)!);
    return streamsOf(this.#options).map((stream) => {
      const weights = Uint8Array.from(labels, () => poisson(stream));
      const areas = orders.map((order, label) => weightedAreas(order, labels, label, weights));
      return [meanOfDefined(areas.map(([area]) => area)), meanOfDefined(areas.map(([, precision]) => precision))];
    });
  }
}

/** ROC-AUC and average precision of a class against the rest, each image counting by its weight. */
function weightedAreas(
  { score, order }: { readonly score: Float64Array; readonly order: Uint32Array },
  labels: readonly number[],
  label: number,
  weights: Uint8Array,
): [rocAuc: number, averagePrecision: number] {
  let [tp, fp, area, precision, positive, negative] = [0, 0, 0, 0, 0, 0];
  for (const [i, image] of order.entries()) {
    if (labels[image] === label) positive += weights[image]!;
    else negative += weights[image]!;
    if (i + 1 < order.length && score[order[i + 1]!] === score[image]) continue;
    area += negative * (tp + positive / 2);
    [tp, fp] = [tp + positive, fp + negative];
    if (positive > 0) precision += (positive * tp) / (tp + fp);
    [positive, negative] = [0, 0];
  }
  return tp === 0 || fp === 0 ? [Number.NaN, Number.NaN] : [area / (tp * fp), precision / tp];
}

/** A stream for each replicate. */
function streamsOf({ replicates, seed }: BootstrapOptions): RandomStream[] {
  return Array.from({ length: replicates }, (_, r) => randomStream(seed, 'bootstrap', r));
}

/** P(X ≤ k) of Poisson(1); beyond the last one no number of 32 bits leads. */
const cumulative = (() => {
  const sums: number[] = [];
  let term = Math.exp(-1);
  for (let k = 0, sum = 0; k < 13; k++) {
    sum += term;
    sums.push(sum);
    term /= k + 1;
  }
  return sums;
})();

function poisson(stream: RandomStream): number {
  const uniform = stream.uniform();
  let k = 0;
  while (k < cumulative.length && uniform >= cumulative[k]!) k++;
  return k;
}

/** The middle 95 % of numbers, of those that are defined, between neighbours in proportion. */
function middle(values: readonly number[]): Interval {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (high - low) * (place - Math.floor(place));
}
