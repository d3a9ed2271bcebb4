import type { Shape } from '../base/tensor.ts';
import type { CalibrationMethod } from './names.ts';

/** The least and the greatest number of an activation that 8 bits are spread over; numbers beyond are clipped. */
export interface ActivationRange {
  readonly minimum: number;
  readonly maximum: number;
  /** The activation's shape in calibration, for one image. */
  readonly shape: Shape;
  readonly channels: ChannelMeans;
}

/** What the numbers of each channel of an activation are on average: axis 1 of (n, c, h, w), else the last axis. */
export interface ChannelMeans {
  readonly mean: Float64Array;
  readonly meanSquare: Float64Array;
}

/** The means of an activation times a number. */
export function scaledMeans({ mean, meanSquare }: ChannelMeans, factor: number): ChannelMeans {
  return { mean: mean.map((value) => value * factor), meanSquare: meanSquare.map((value) => value * factor ** 2) };
}

/** Sums over the numbers of each channel of one activation, over many images. */
export class ChannelSums {
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  /** Numbers of a channel that lie side by side. */
  readonly #inner: number;
  #count = 0;

  /** @param shape the activation's, of one feed */
  constructor(shape: Shape) {
    const isPlanar = shape.length === 4;
    const channels = (isPlanar ? shape[1] : shape.at(-1)) ?? 1;
    this.#inner = isPlanar ? shape[2]! * shape[3]! : 1;
    this.#sum = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  add(values: Float32Array): void {
    const channels = this.#sum.length;
    for (let start = 0, c = 0; start < values.length; start += this.#inner, c = (c + 1) % channels) {
      let [sum, squares] = [0, 0];
      for (let i = start; i < start + this.#inner; i++) {
        const value = values[i]!;
        sum += value;
        squares += value * value;
      }
      this.#sum[c]! += sum;
      this.#squares[c]! += squares;
    }
    this.#count += values.length / channels;
  }

  means(): ChannelMeans {
    const perNumber = (sums: Float64Array) => sums.map((sum) => sum / this.#count);
    return { mean: perNumber(this.#sum), meanSquare: perNumber(this.#squares) };
  }
}

/** Bins on either side of zero. */
const half = 2048;

/**
 * The numbers of one activation over many images: extremes, and a histogram of fixed size whose bins double in width
 * when a number lies beyond them. What it holds in the end depends on the numbers alone, not on their order.
 */
export class ActivationHistogram {
  readonly #counts = new Float64Array(2 * half);
  #minimum = Number.POSITIVE_INFINITY;
  #maximum = Number.NEGATIVE_INFINITY;
  /** A power of two, so that two bins make one of twice the width. */
  #width = 2 ** -40;
  #zeros = 0;

  add(values: Float32Array): void {
    let [minimum, maximum] = [this.#minimum, this.#maximum];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    [this.#minimum, this.#maximum] = [minimum, maximum];
    this.#cover(Math.max(-minimum, maximum));
    const counts = this.#counts;
    const perWidth = 1 / this.#width;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value === 0) this.#zeros++;
      else counts[Math.floor(value * perWidth) + half]!++;
    }
  }

  range(method: CalibrationMethod): Pick<ActivationRange, 'minimum' | 'maximum'> {
    const [minimum, maximum] = [this.#minimum, this.#maximum];
    if (!(minimum < maximum)) return { minimum, maximum };
    if (method === 'percentile') return this.#percentile(99.99);
    return method === 'mse' ? this.#leastError() : { minimum, maximum };
  }

  /** Doubles the width of the bins until they reach `limit`; a number at the upper end itself belongs beyond. */
  #cover(limit: number): void {
    const counts = this.#counts;
    while (limit >= this.#width * half && Number.isFinite(limit)) {
      for (let i = 0; i < half / 2; i++) {
        counts[half + i] = counts[half + 2 * i]! + counts[half + 2 * i + 1]!;
        counts[half - 1 - i] = counts[half - 1 - 2 * i]! + counts[half - 2 - 2 * i]!;
      }
      counts.fill(0, half + half / 2);
      counts.fill(0, 0, half / 2);
      this.#width *= 2;
    }
  }

  #percentile(percent: number): { minimum: number; maximum: number } {
    const total = this.#zeros + this.#counts.reduce((sum, count) => sum + count, 0);
    const cut = (total * (1 - percent / 100)) / 2;
    const edge = (from: number, step: 1 | -1) => {
      let beyond = 0;
      for (let i = from; i !== half; i += step) {
        // The zeros lie between the bins below and above.
        beyond += this.#counts[step === 1 ? i : i - 1]!;
        if (beyond > cut) return (i - half) * this.#width;
      }
      return 0;
    };
    const [lowest, highest] = [edge(0, 1), edge(2 * half, -1)];
    return { minimum: Math.max(this.#minimum, lowest), maximum: Math.min(this.#maximum, highest) };
  }

  /** Lowers the upper end as long as that helps, then raises the lower one. */
  #leastError(): { minimum: number; maximum: number } {
    const [lowest, highest] = [Math.min(0, this.#minimum), Math.max(0, this.#maximum)];
    const steps = 100;
    let best = { minimum: lowest, maximum: highest, error: this.#error(lowest, highest) };
    for (const isUpper of [true, false]) {
      const { minimum, maximum } = best;
      for (let i = 1; i < steps; i++) {
        const [a, b] = isUpper ? [minimum, (highest * i) / steps] : [(lowest * i) / steps, maximum];
        const error = this.#error(a, b);
        if (error < best.error) best = { minimum: a, maximum: b, error };
      }
    }
    return { minimum: best.minimum, maximum: best.maximum };
  }

  /** The sum of squared errors with 255 steps from `minimum` to `maximum`. Zero itself has none. */
  #error(minimum: number, maximum: number): number {
    const rounding = ((maximum - minimum) / 255) ** 2 / 12;
    let sum = 0;
    for (let i = 0; i < 2 * half; i++) {
      const count = this.#counts[i]!;
      if (count === 0) continue;
      const centre = (i - half + 0.5) * this.#width;
      const beyond = Math.max(0, centre - maximum, minimum - centre);
      sum += count * (beyond > 0 ? beyond * beyond : rounding);
    }
    return sum;
  }
}
