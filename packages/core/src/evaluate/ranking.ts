/*
 * How well the probability of a class ranks its images ahead of all others, at any threshold: the ROC curve and the
 * curve of precision and recall. Exact as long as all probabilities fit in memory; beyond, they are counted in bins, and
 * the areas come with the most that they can be off.
 */

/** A point of a curve: (false positive rate, true positive rate), or (recall, precision). Both in [0, 1]. */
export type CurvePoint = readonly [x: number, y: number];

/** The ranking of one class against the rest. All is NaN or empty where no image, or every image, is of the class. */
export interface ClassRanking {
  /** The chance that an image of the class has a higher probability of it than another one has. */
  readonly rocAuc: number;
  /** Precision, averaged over the images of the class as the threshold falls to each: scikit-learn's. */
  readonly averagePrecision: number;
  /** The most that either can be off: 0 where they are exact. */
  readonly error: number;
  /** From (0, 0) to (1, 1): false positive rate, true positive rate. Thinned for drawing. */
  readonly roc: readonly CurvePoint[];
  /** Recall, precision, as the threshold falls. Thinned for drawing. */
  readonly precisionRecall: readonly CurvePoint[];
}

/** Images at one threshold, or between two: how many of the class, and how many of the rest. */
interface Step {
  readonly positive: number;
  readonly negative: number;
}

/** The neighbouring points of a thinned curve are this far apart in x or in y. */
const spacing = 1 / 50;

/** Takes in one probability per class for each image, and ranks in the end. */
export class RankingCounter {
  readonly #classes: number;
  readonly #most: number;
  readonly #labels: number[] = [];
  #rows: Rows | null;
  #bins: BinnedScores | null = null;

  /** `most` is the number of probabilities that are kept, for results that are exact. */
  constructor(classes: number, most: number) {
    this.#classes = classes;
    this.#most = most;
    this.#rows = new Rows(classes);
  }

  /** Whether all probabilities are kept. */
  get isExact(): boolean {
    return this.#rows !== null;
  }

  add(label: number, probabilities: ArrayLike<number>): void {
    if (this.#rows && (this.#labels.length + 1) * this.#classes > this.#most) this.#pour(this.#rows);
    if (this.#bins) this.#bins.add(label, probabilities);
    else {
      this.#rows!.add(probabilities);
      this.#labels.push(label);
    }
  }

  /** From here on in bins. */
  #pour(rows: Rows): void {
    this.#bins = new BinnedScores(this.#classes);
    for (const [i, label] of this.#labels.entries()) this.#bins.add(label, rows.row(i));
    this.#labels.length = 0;
    this.#rows = null;
  }

  /** The ranking of each class. */
  value(): ClassRanking[] {
    return Array.from({ length: this.#classes }, (_, label) =>
      this.#rows ? rank(exactSteps(...this.#split(this.#rows, label)), { isExact: true }) : this.#binned(label),
    );
  }

  #binned(label: number): ClassRanking {
    return rank(this.#bins!.steps(label), { isExact: false });
  }

  #split(rows: Rows, label: number): [positive: Float64Array, negative: Float64Array] {
    const count = this.#labels.reduce((sum, other) => sum + Number(other === label), 0);
    const [positive, negative] = [new Float64Array(count), new Float64Array(this.#labels.length - count)];
    let [p, n] = [0, 0];
    for (const [i, other] of this.#labels.entries()) {
      if (other === label) positive[p++] = rows.at(i, label);
      else negative[n++] = rows.at(i, label);
    }
    return [positive, negative];
  }

  /** The order of the images by their probability of a class, highest first, where all are kept. */
  order(label: number): { readonly score: Float64Array; readonly order: Uint32Array } | null {
    const rows = this.#rows;
    if (!rows) return null;
    const score = Float64Array.from(this.#labels, (_, i) => rows.at(i, label));
    return { score, order: Uint32Array.from(score.keys()).sort((a, b) => score[b]! - score[a]!) };
  }

  /** The labels of the images that are kept. */
  get labels(): readonly number[] {
    return this.#labels;
  }
}

/** Rows of numbers, in blocks, so that nothing is copied as they grow. Numbers that come as float32 are kept so. */
class Rows {
  readonly #width: number;
  readonly #blocks: (Float32Array | Float64Array)[] = [];
  #count = 0;

  constructor(width: number) {
    this.#width = width;
  }

  add(row: ArrayLike<number>): void {
    const place = this.#count % rowsPerBlock;
    if (place === 0) {
      const size = rowsPerBlock * this.#width;
      this.#blocks.push(row instanceof Float32Array ? new Float32Array(size) : new Float64Array(size));
    }
    this.#blocks.at(-1)!.set(row, place * this.#width);
    this.#count++;
  }

  at(row: number, column: number): number {
    return this.#blocks[Math.floor(row / rowsPerBlock)]![(row % rowsPerBlock) * this.#width + column]!;
  }

  row(row: number): ArrayLike<number> {
    const start = (row % rowsPerBlock) * this.#width;
    return this.#blocks[Math.floor(row / rowsPerBlock)]!.subarray(start, start + this.#width);
  }
}

const rowsPerBlock = 256;

/** Counts of probabilities in bins that are narrow near 0 and near 1, where classifiers say most: 64 to each halving. */
class BinnedScores {
  readonly #positive: Uint32Array[];
  readonly #negative: Uint32Array[];

  constructor(classes: number) {
    this.#positive = Array.from({ length: classes }, () => new Uint32Array(binCount));
    this.#negative = Array.from({ length: classes }, () => new Uint32Array(binCount));
  }

  add(label: number, probabilities: ArrayLike<number>): void {
    for (let c = 0; c < this.#positive.length; c++) {
      const counts = c === label ? this.#positive[c]! : this.#negative[c]!;
      counts[scoreBin(probabilities[c]!)]!++;
    }
  }

  /** From the highest bin down. */
  *steps(label: number): Generator<Step> {
    const [positive, negative] = [this.#positive[label]!, this.#negative[label]!];
    for (let bin = binCount - 1; bin >= 0; bin--) {
      if (positive[bin]! + negative[bin]! > 0) yield { positive: positive[bin]!, negative: negative[bin]! };
    }
  }
}

const view = new DataView(new ArrayBuffer(4));
/** The leading bits of a positive float32, exponent and six of its mantissa: they grow with the number. */
const leadingBits = (value: number) => {
  view.setFloat32(0, value);
  return view.getUint32(0) >>> 17;
};
const lowest = leadingBits(2 ** -24);
const half = leadingBits(0.5) - lowest + 1;
const binCount = 2 * half + 1;

/** The bin of a probability: those up to ½ by themselves, the others by what they lack to 1. */
function scoreBin(probability: number): number {
  if (probability <= 0.5) return Math.max(0, leadingBits(Math.max(0, probability)) - lowest + 1);
  if (probability > 0.5) return binCount - 1 - Math.max(0, leadingBits(Math.max(0, 1 - probability)) - lowest + 1);
  return 0;
}

/** One step for each probability that occurs, from the highest down. */
function* exactSteps(positive: Float64Array, negative: Float64Array): Generator<Step> {
  positive.sort();
  negative.sort();
  let [p, n] = [positive.length - 1, negative.length - 1];
  while (p >= 0 || n >= 0) {
    const threshold = Math.max(positive[p] ?? Number.NEGATIVE_INFINITY, negative[n] ?? Number.NEGATIVE_INFINITY);
    const [fromP, fromN] = [p, n];
    while (p >= 0 && !(positive[p]! < threshold)) p--;
    while (n >= 0 && !(negative[n]! < threshold)) n--;
    yield { positive: fromP - p, negative: fromN - n };
  }
}

/** Areas and curves from the steps of a falling threshold. */
function rank(steps: Iterable<Step>, { isExact }: { readonly isExact: boolean }): ClassRanking {
  const all = [...steps];
  const positives = all.reduce((sum, { positive }) => sum + positive, 0);
  const negatives = all.reduce((sum, { negative }) => sum + negative, 0);
  if (positives === 0 || negatives === 0) return unranked;
  let [tp, fp, area, precision, areaError, precisionError] = [0, 0, 0, 0, 0, 0];
  const roc = new Curve([0, 0]);
  const recallCurve = new Curve();
  for (const { positive, negative } of all) {
    // Images of one step are in no order: a pair of them counts half.
    area += negative * (tp + positive / 2);
    areaError += (negative * positive) / 2;
    const [low, high] = isExact ? [0, 0] : precisionBounds({ positive, negative }, tp, fp);
    tp += positive;
    fp += negative;
    precision += isExact ? (positive * tp) / (tp + fp) : (low + high) / 2;
    precisionError += (high - low) / 2;
    roc.add([fp / negatives, tp / positives]);
    if (positive > 0) recallCurve.add([tp / positives, tp / (tp + fp)]);
  }
  return {
    rocAuc: area / (positives * negatives),
    averagePrecision: precision / positives,
    error: isExact ? 0 : Math.max(areaError / (positives * negatives), precisionError / positives),
    roc: roc.points(),
    precisionRecall: recallCurve.points(),
  };
}

/** The sums of precision over the images of a class in one bin: behind all others of it, and ahead of all. */
function precisionBounds({ positive, negative }: Step, tp: number, fp: number): [low: number, high: number] {
  let [low, high] = [0, 0];
  for (let i = 1; i <= positive; i++) {
    low += (tp + i) / (tp + fp + negative + i);
    high += (tp + i) / (tp + fp + i);
  }
  return [low, high];
}

const unranked: ClassRanking = {
  rocAuc: Number.NaN,
  averagePrecision: Number.NaN,
  error: 0,
  roc: [],
  precisionRecall: [],
};

/** The points of a curve that are far enough apart to be seen, and its ends. */
class Curve {
  readonly #kept: CurvePoint[];
  #last: CurvePoint | undefined;

  constructor(...first: readonly CurvePoint[]) {
    this.#kept = [...first];
    this.#last = first.at(-1);
  }

  add(point: CurvePoint): void {
    const previous = this.#kept.at(-1);
    const isFar = (at: number) => Math.abs(point[at]! - previous![at]!) >= spacing;
    if (!previous || isFar(0) || isFar(1)) this.#kept.push(point);
    this.#last = point;
  }

  points(): CurvePoint[] {
    const isEnded = this.#last === undefined || this.#kept.at(-1) === this.#last;
    return isEnded ? this.#kept : [...this.#kept, this.#last!];
  }
}

/** The mean of curves of several classes at evenly spaced x, 0 to 1. Empty where there are none. */
export function meanCurve(curves: readonly (readonly CurvePoint[])[]): CurvePoint[] {
  const drawn = curves.filter(({ length }) => length > 0);
  if (drawn.length === 0) return [];
  return Array.from({ length: 51 }, (_, i) => {
    const x = i / 50;
    return [x, drawn.reduce((sum, points) => sum + heightAt(points, x), 0) / drawn.length];
  });
}

/** The height of a curve at x, on the line between the points around it; where it is upright, its top. */
function heightAt(points: readonly CurvePoint[], x: number): number {
  const next = points.findIndex(([at]) => at > x);
  if (next === -1) return points.at(-1)![1];
  const [x1, y1] = points[next]!;
  const [x0, y0] = points[next - 1] ?? [x, y1];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}
