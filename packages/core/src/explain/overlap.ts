import { OptionError } from '../base/errors.ts';
import { cosineDistance, neighbourTable, unit } from './neighbours.ts';

/** Two classes that lie together. */
export interface OverlappingClasses {
  readonly classes: readonly [string, string];
  /** The mean share of the neighbours of each that are of the other, in [0, 1]. */
  readonly share: number;
}

/** How far classes lie apart in feature space. */
export interface ClassOverlap {
  readonly classes: readonly string[];
  /**
   * Of the nearest neighbours of images of class i the share that is of class j, (classes) of (classes). A row of a
   * class without images is zero.
   */
  readonly confusion: readonly (readonly number[])[];
  /** Pairs of classes, those that overlap most first; without those that do not. */
  readonly pairs: readonly OverlappingClasses[];
  /**
   * The mean silhouette of each class in [-1, 1], by cosine distance (Rousseeuw 1987): near 1 it lies apart, below 0 in
   * another one; null for a class without images.
   */
  readonly silhouettes: readonly (number | null)[];
  /** The mean silhouette of all images; null where there are not two classes with images. */
  readonly silhouette: number | null;
}

/**
 * Which classes overlap in feature space: by the classes of every image's nearest neighbours, and by silhouettes.
 *
 * @param vectors feature vectors (n) of (f)
 * @param labels their classes, by position
 * @param options `neighbours` of each image that count, default 10
 */
export function classOverlap(
  vectors: readonly ArrayLike<number>[],
  labels: readonly number[],
  classes: readonly string[],
  { neighbours = 10 }: { readonly neighbours?: number } = {},
): ClassOverlap {
  if (labels.length !== vectors.length || labels.some((label) => classes[label] === undefined)) {
    const expected = `a class from 0 to ${classes.length - 1} for each of ${vectors.length} vectors`;
    throw new OptionError({ option: 'labels', expected, received: labels.length });
  }
  const directions = vectors.map(unit);
  const sums = directions.map(() => new Float64Array(classes.length));
  let [i, j] = [0, 0];
  // Every pair comes by once, in the order of the table's loops.
  const { count, indices } = neighbourTable(directions, neighbours, (a, b) => {
    const away = cosineDistance(a, b);
    if (j === i) [i, j] = [i + 1, 0];
    sums[i]![labels[j]!]! += away;
    sums[j]![labels[i]!]! += away;
    j++;
    return away;
  });
  const sizes = classes.map((_, label) => labels.filter((other) => other === label).length);
  const confusion = classes.map((_, label) => {
    const row = new Array<number>(classes.length).fill(0);
    for (const [image, own] of labels.entries()) {
      if (own !== label) continue;
      for (const other of indices.subarray(image * count, (image + 1) * count)) {
        row[labels[other]!]! += 1 / (sizes[label]! * count);
      }
    }
    return row;
  });
  const isDivided = sizes.filter((size) => size > 0).length >= 2;
  const each = labels.map((label, image) => silhouetteOf(sums[image]!, label, sizes));
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    classes,
    confusion,
    pairs: pairsOf(confusion, classes),
    silhouettes: sizes.map((size, label) =>
      size === 0 || !isDivided ? null : meanOf(each.filter((_, image) => labels[image] === label)),
    ),
    silhouette: isDivided ? meanOf(each) : null,
  };
}

/** (b − a) / max(a, b), a being the mean distance to its own class and b the one to the nearest other; alone it is 0. */
function silhouetteOf(sums: Float64Array, label: number, sizes: readonly number[]): number {
  if (sizes[label] === 1) return 0;
  const own = sums[label]! / (sizes[label]! - 1);
  const others = sizes.map((size, other) =>
    other === label || size === 0 ? Number.POSITIVE_INFINITY : sums[other]! / size,
  );
  const nearest = Math.min(...others);
  return Math.max(own, nearest) === 0 || nearest === Number.POSITIVE_INFINITY
    ? 0
    : (nearest - own) / Math.max(own, nearest);
}

function pairsOf(confusion: readonly (readonly number[])[], classes: readonly string[]): OverlappingClasses[] {
  const pairs = classes.flatMap((name, i) =>
    classes.slice(0, i).map((other, j) => ({
      classes: [other, name] as const,
      share: (confusion[i]![j]! + confusion[j]![i]!) / 2,
    })),
  );
  return pairs.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
}
