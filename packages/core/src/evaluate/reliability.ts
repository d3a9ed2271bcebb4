/** Images whose confidence (the probability of the class they were given) lies between two numbers. */
export interface ReliabilityBin {
  /** The confidences are above `low`, and at most `high`. */
  readonly low: number;
  readonly high: number;
  readonly images: number;
  /** The mean confidence of its images; NaN where it has none. */
  readonly confidence: number;
  /** The share of its images that were classified correctly; NaN where it has none. */
  readonly accuracy: number;
}

/** How far probabilities can be believed: of images said to be right with 80 %, are 80 % right? */
export interface Reliability {
  /** Expected calibration error: the mean of |accuracy - confidence| over bins, weighted by images (Guo et al. 2017). */
  readonly error: number;
  /** The largest |accuracy - confidence| of a bin that has images. */
  readonly maximumError: number;
  /** Mean confidence minus accuracy: above 0 the classifier is too sure of itself. */
  readonly overconfidence: number;
  readonly bins: readonly ReliabilityBin[];
}

/** Counts confidences and hits in bins of equal width. */
export class ReliabilityCounter {
  readonly #images: Float64Array;
  readonly #confidence: Float64Array;
  readonly #correct: Float64Array;

  constructor(bins: number) {
    [this.#images, this.#confidence, this.#correct] = [
      new Float64Array(bins),
      new Float64Array(bins),
      new Float64Array(bins),
    ];
  }

  add(confidence: number, isCorrect: boolean): void {
    const bin = binOf(confidence, this.#images.length);
    this.#images[bin]!++;
    this.#confidence[bin]! += confidence;
    this.#correct[bin]! += Number(isCorrect);
  }

  value(): Reliability {
    const count = this.#images.length;
    const bins = Array.from(this.#images, (images, i) => ({
      low: i / count,
      high: (i + 1) / count,
      images,
      confidence: this.#confidence[i]! / images,
      accuracy: this.#correct[i]! / images,
    }));
    const total = sum(this.#images);
    const gaps = bins.map(({ images, confidence, accuracy }) => (images === 0 ? 0 : Math.abs(accuracy - confidence)));
    return {
      error: bins.reduce((error, { images }, i) => error + (images * gaps[i]!) / total, 0),
      maximumError: Math.max(...gaps),
      overconfidence: (sum(this.#confidence) - sum(this.#correct)) / total,
      bins,
    };
  }
}

/** The bin (i / n, (i + 1) / n] of a confidence; 0 is in the first. */
function binOf(confidence: number, bins: number): number {
  const guess = Math.ceil(confidence * bins) - 1;
  return Number.isNaN(guess) ? 0 : Math.min(bins - 1, Math.max(0, guess));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
