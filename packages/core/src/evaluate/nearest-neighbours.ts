import { OptionError } from '../base/errors.ts';
import { argmax } from '../base/largest.ts';
import type { Interval } from './bootstrap.ts';
import { wilsonInterval } from './metrics.ts';
import type { LabelledFeatures } from './out-of-sample.ts';

export interface NearestNeighboursOptions {
  /** The number of neighbours that vote; all where there are fewer. Default 20, as for DINO. */
  readonly neighbours?: number;
  /** The angle between features, or their distance. Default `cosine`. */
  readonly metric?: 'cosine' | 'euclidean';
  /**
   * The weight of a vote. A temperature T: exp(−d² / 2T), d the distance, with `cosine` that of features of length 1;
   * this is exp(cosine / T), DINO's, but for a factor. null: all alike. Default 0.07 with `cosine`, null with
   * `euclidean`.
   */
  readonly temperature?: number | null;
  /** The images that are answered. Default: those that vote, each by the others (leave-one-out). */
  readonly queries?: LabelledFeatures;
}

/** The accuracy of answers by the nearest images. */
export interface NearestNeighbours {
  readonly accuracy: number;
  /** 95 % (Wilson). */
  readonly interval: Interval;
  /** The class of each image by its neighbours' votes. */
  readonly predictions: readonly number[];
}

/**
 * k-nearest-neighbour classification of images by their features (Wu et al. 2018; Caron et al. 2021, DINO, appendix
 * F.1). No image is a neighbour of a copy of itself. Of classes with the same votes the one with the nearest image wins.
 *
 * @throws OptionError where an option is out of its range, or there are no images
 */
export function nearestNeighbours(
  features: LabelledFeatures,
  options: NearestNeighboursOptions = {},
): NearestNeighbours {
  const { neighbours = 20, metric = 'cosine', queries = features } = options;
  const { temperature = metric === 'cosine' ? 0.07 : null } = options;
  if (!(Number.isInteger(neighbours) && neighbours >= 1))
    throw new OptionError({ option: 'neighbours', expected: 'a whole number from 1 on', received: neighbours });
  if (temperature !== null && !(temperature > 0))
    throw new OptionError({ option: 'temperature', expected: 'a number above 0, or null', received: temperature });
  if (queries.rows.length === 0)
    throw new OptionError({ option: 'features', expected: 'those of at least one image', received: 0 });
  const scaled = (rows: readonly Float32Array[]) => (metric === 'cosine' ? rows.map(unit) : rows);
  const [known, asked] = [scaled(features.rows), scaled(queries.rows)];
  const predictions = asked.map((row, i) => {
    const others = known.flatMap((other, j) => {
      if (features.contents[j] === queries.contents[i]) return [];
      return [{ label: features.labels[j]!, square: squaredDistance(row, other) }];
    });
    const nearest = others.sort((a, b) => a.square - b.square).slice(0, neighbours);
    return voted(nearest, features.classes, temperature);
  });
  const correct = predictions.filter((label, i) => label === queries.labels[i]).length;
  const count = predictions.length;
  return { accuracy: correct / count, interval: wilsonInterval(correct, count), predictions };
}

/** The class with the most votes. @param nearest the nearest first */
function voted(
  nearest: readonly { readonly label: number; readonly square: number }[],
  classes: number,
  temperature: number | null,
): number {
  const votes = new Float64Array(classes);
  const first = nearest[0]?.square ?? 0;
  // Relative to the nearest one's, so that no sum is 0.
  for (const { label, square } of nearest)
    votes[label]! += temperature === null ? 1 : Math.exp((first - square) / (2 * temperature));
  const most = Math.max(...votes);
  return nearest.find(({ label }) => votes[label] === most)?.label ?? argmax(votes);
}

function unit(row: Float32Array): Float64Array {
  let square = 0;
  for (const value of row) square += value * value;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  return Float64Array.from(row, (value) => value * scale);
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k]! - b[k]!) ** 2;
  return sum;
}
