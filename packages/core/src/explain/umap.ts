import { randomStream } from '../base/random.ts';
import { euclidean, type NeighbourTable, neighbourTable } from './neighbours.ts';

export interface UmapOptions {
  /** The neighbours that make up an image's surroundings, itself among them: few show detail. Default 15. */
  readonly neighbours?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Ends it between some epochs, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A weighted edge of the graph of neighbours. */
export interface FuzzyEdge {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

/** 1 / (1 + a d^2b), fitted to distances of at least 0.1: umap-learn's `find_ab_params(spread=1, min_dist=0.1)`. */
const [curveA, curveB] = [1.576943460405378, 0.8950608781227859];
const negativeSamples = 5;
/** Epochs between two looks at the signal. */
const pause = 20;

/**
 * A map of vectors in the plane on which neighbours stay neighbours: UMAP (McInnes et al. 2018, arXiv 1802.03426), with
 * exact neighbours by Euclidean distance, started from the first two coordinates. Equal vectors and seeds give equal
 * maps.
 *
 * @param vectors coordinates by `pca`, the first two of which are the start, (n) of (k)
 * @returns x and y of each, (n · 2)
 */
export async function umap(vectors: readonly Float64Array[], options: UmapOptions = {}): Promise<Float32Array> {
  const { neighbours = 15, seed = 0, signal, onProgress } = options;
  const n = vectors.length;
  const stream = randomStream(seed, 'umap');
  const start = startOf(vectors, stream.normal);
  if (n < 4) return Float32Array.from(start);
  const edges = fuzzyGraph(neighbourTable(vectors, Math.min(neighbours, n) - 1, euclidean), n);
  const epochs = n <= 10_000 ? 500 : 200;
  const layout = new Layout(start, edges, epochs, stream.integer(2 ** 32));
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (epoch % pause === 0) {
      await new Promise<void>((resolve) => setTimeout(resolve));
      signal?.throwIfAborted();
      onProgress?.(epoch, epochs);
    }
    layout.step(epoch);
  }
  onProgress?.(epochs, epochs);
  return Float32Array.from(start);
}

/** The first two coordinates, brought to [-10, 10], with a little noise so that equal vectors come apart. */
function startOf(vectors: readonly Float64Array[], normal: () => number): Float64Array {
  const start = Float64Array.from({ length: 2 * vectors.length }, (_, i) => vectors[i >> 1]![i & 1] ?? 0);
  const largest = start.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return start.map((value) => (10 * value) / largest + 1e-4 * normal());
}

/**
 * The graph of neighbours, both ways: an edge weighs exp(−(d − ρ)/σ), 1 for the nearest one, σ such that all of a vector
 * weigh log₂ k together; the two weights of a pair are united as a + b − ab (McInnes et al., section 3.1, algorithms 2
 * and 3). In the order of the vectors.
 */
export function fuzzyGraph({ count, indices, distances }: NeighbourTable, n: number): FuzzyEdge[] {
  const weights = Array.from({ length: n }, () => new Map<number, number>());
  const target = Math.log2(count + 1);
  const meanOfAll = distances.reduce((sum, away) => sum + away, 0) / (n * (count + 1));
  for (let i = 0; i < n; i++) {
    const own = distances.subarray(i * count, (i + 1) * count);
    const nearest = own.find((away) => away > 0) ?? 0;
    const sigma = sigmaOf(own, nearest, target, meanOfAll);
    for (const [k, away] of own.entries()) {
      const weight = away <= nearest || sigma === 0 ? 1 : Math.exp(-(away - nearest) / sigma);
      weights[i]!.set(indices[i * count + k]!, weight);
    }
  }
  const near = weights.map((own) => new Set(own.keys()));
  for (const [i, own] of weights.entries()) for (const j of own.keys()) near[j]!.add(i);
  const edges: FuzzyEdge[] = [];
  for (const [i, all] of near.entries()) {
    for (const to of [...all].sort((a, b) => a - b)) {
      const [there, back] = [weights[i]!.get(to) ?? 0, weights[to]!.get(i) ?? 0];
      edges.push({ from: i, to, weight: there + back - there * back });
    }
  }
  return edges;
}

/** By bisection, as `smooth_knn_dist` of umap-learn. */
function sigmaOf(distances: Float64Array, nearest: number, target: number, meanOfAll: number): number {
  let [low, high, middle] = [0, Number.POSITIVE_INFINITY, 1];
  for (let step = 0; step < 64; step++) {
    let sum = 0;
    for (const away of distances) sum += away > nearest ? Math.exp(-(away - nearest) / middle) : 1;
    if (Math.abs(sum - target) < 1e-5) break;
    if (sum > target) high = middle;
    else low = middle;
    middle = high === Number.POSITIVE_INFINITY ? 2 * middle : (low + high) / 2;
  }
  const mean = distances.reduce((total, away) => total + away, 0) / (distances.length + 1);
  return Math.max(middle, 1e-3 * (nearest > 0 ? mean : meanOfAll));
}

/** Stochastic gradient descent on the cross entropy between the two graphs (algorithm 5), in `points`. */
class Layout {
  readonly #points: Float64Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  /** The epochs between two pulls of an edge, and the epoch of the next one. */
  readonly #every: Float64Array;
  readonly #next: Float64Array;
  readonly #nextNegative: Float64Array;
  readonly #epochs: number;
  #state: number;

  constructor(points: Float64Array, edges: readonly FuzzyEdge[], epochs: number, seed: number) {
    const largest = edges.reduce((most, { weight }) => Math.max(most, weight), 0);
    const used = edges.filter(({ weight }) => weight >= largest / epochs);
    this.#points = points;
    this.#epochs = epochs;
    this.#from = Int32Array.from(used, ({ from }) => from);
    this.#to = Int32Array.from(used, ({ to }) => to);
    this.#every = Float64Array.from(used, ({ weight }) => largest / weight);
    this.#next = this.#every.slice();
    this.#nextNegative = this.#every.map((every) => every / negativeSamples);
    this.#state = seed | 1;
  }

  step(epoch: number): void {
    const points = this.#points;
    const rate = 1 - epoch / this.#epochs;
    for (let edge = 0; edge < this.#from.length; edge++) {
      if (this.#next[edge]! > epoch) continue;
      const i = 2 * this.#from[edge]!;
      const j = 2 * this.#to[edge]!;
      const apart = squared(points, i, j);
      const pull = apart > 0 ? (-2 * curveA * curveB * apart ** (curveB - 1)) / (curveA * apart ** curveB + 1) : 0;
      for (let axis = 0; axis < 2; axis++) {
        const change = rate * clipped(pull * (points[i + axis]! - points[j + axis]!));
        points[i + axis]! += change;
        points[j + axis]! -= change;
      }
      this.#next[edge]! += this.#every[edge]!;
      const between = this.#every[edge]! / negativeSamples;
      const pushes = Math.floor((epoch - this.#nextNegative[edge]!) / between);
      for (let k = 0; k < pushes; k++) this.#push(i, 2 * (this.#random() % (points.length / 2)), rate);
      this.#nextNegative[edge]! += Math.max(0, pushes) * between;
    }
  }

  #push(i: number, j: number, rate: number): void {
    if (i === j) return;
    const points = this.#points;
    const apart = squared(points, i, j);
    const push = apart > 0 ? (2 * curveB) / ((0.001 + apart) * (curveA * apart ** curveB + 1)) : 0;
    for (let axis = 0; axis < 2; axis++) {
      if (push > 0) points[i + axis]! += rate * clipped(push * (points[i + axis]! - points[j + axis]!));
    }
  }

  /** 32 bits (xorshift, Marsaglia 2003): quick, and good enough to choose whom to push away. */
  #random(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
}

function squared(points: Float64Array, i: number, j: number): number {
  return (points[i]! - points[j]!) ** 2 + (points[i + 1]! - points[j + 1]!) ** 2;
}

function clipped(value: number): number {
  return Math.max(-4, Math.min(4, value));
}
