import { OptionError } from '../base/errors.ts';
import { dot } from './pca.ts';

/** A vector like another one. */
export interface Neighbour {
  /** Its position among the vectors. */
  readonly index: number;
  /** The cosine of the angle between the two: 1 for one direction. */
  readonly similarity: number;
}

/**
 * The vectors nearest to one by the cosine of the angle between them, the nearest first. Of equal ones the earlier comes
 * first.
 *
 * @param vectors feature vectors of one length
 * @param query a vector, or the position of one among them, which is then left out
 * @example const [nearest] = nearestNeighbours(features, 17, { count: 1 });
 */
export function nearestNeighbours(
  vectors: readonly ArrayLike<number>[],
  query: number | ArrayLike<number>,
  { count = 10 }: { readonly count?: number } = {},
): Neighbour[] {
  const own = typeof query === 'number' ? query : -1;
  const vector = typeof query === 'number' ? vectors[query] : query;
  if (!vector) throw new OptionError({ option: 'query', expected: `0 to ${vectors.length - 1}`, received: query });
  const direction = unit(vector);
  const found = vectors.flatMap((other, index) =>
    index === own ? [] : [{ index, similarity: dot(direction, unit(other)) }],
  );
  return found.sort((a, b) => b.similarity - a.similarity || a.index - b.index).slice(0, count);
}

/** A vector of length 1 in the same direction; of zeros, zeros. */
export function unit(vector: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return Float64Array.from(vector, (value) => value / length);
}

/** The neighbours of every vector: of vector i the positions and distances at [i · count, (i + 1) · count). */
export interface NeighbourTable {
  readonly count: number;
  readonly indices: Int32Array;
  readonly distances: Float64Array;
}

/** The nearest neighbours of every vector but itself, by a distance; of equal ones the earlier comes first. */
export function neighbourTable(
  vectors: readonly Float64Array[],
  count: number,
  distance: (a: Float64Array, b: Float64Array) => number,
): NeighbourTable {
  const n = vectors.length;
  const k = Math.min(count, n - 1);
  const indices = new Int32Array(n * k);
  const distances = new Float64Array(n * k).fill(Number.POSITIVE_INFINITY);
  const consider = (to: number, other: number, away: number) => {
    let place = (to + 1) * k - 1;
    if (k === 0 || away >= distances[place]!) return;
    for (; place > to * k && distances[place - 1]! > away; place--) {
      distances[place] = distances[place - 1]!;
      indices[place] = indices[place - 1]!;
    }
    distances[place] = away;
    indices[place] = other;
  };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const away = distance(vectors[i]!, vectors[j]!);
      consider(i, j, away);
      consider(j, i, away);
    }
  }
  return { count: k, indices, distances };
}

export function euclidean(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** One minus the cosine, of vectors of length 1. */
export function cosineDistance(a: Float64Array, b: Float64Array): number {
  return 1 - dot(a, b);
}
