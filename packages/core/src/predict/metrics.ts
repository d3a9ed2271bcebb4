/** The number of images of each class (row) classified as each class (column). */
export type ConfusionMatrix = readonly (readonly number[])[];

export interface ClassMetrics {
  readonly name: string;
  /** Images of this class. */
  readonly support: number;
  /** The share of images classified as this class that belong to it; NaN where there is none. */
  readonly precision: number;
  /** The share of images of this class that were recognised; NaN where there is none. */
  readonly recall: number;
}

export interface Metrics {
  readonly images: number;
  readonly correct: number;
  readonly accuracy: number;
  /** 95 % interval of the accuracy (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
  /** Share of images whose class is among the five most probable; null with five classes or fewer. */
  readonly top5: number | null;
  /** Mean cross entropy. */
  readonly loss: number;
  readonly classes: readonly ClassMetrics[];
  readonly confusion: ConfusionMatrix;
}

export interface Judged {
  readonly label: number;
  /** One probability per class. */
  readonly probabilities: ArrayLike<number>;
}

/** The usual numbers of a classifier over labelled images. */
export function measure(judged: readonly Judged[], classes: readonly string[]): Metrics {
  const confusion = classes.map(() => new Array<number>(classes.length).fill(0));
  let [loss, top5] = [0, 0];
  for (const { label, probabilities } of judged) {
    const order = ranked(probabilities, 5);
    confusion[label]![order[0]!]!++;
    if (order.includes(label)) top5++;
    loss -= Math.log(Math.max(probabilities[label]!, 1e-12));
  }
  const correct = confusion.reduce((sum, row, i) => sum + row[i]!, 0);
  const total = (row: readonly number[]) => row.reduce((sum, n) => sum + n, 0);
  return {
    images: judged.length,
    correct,
    accuracy: correct / judged.length,
    interval: wilsonInterval(correct, judged.length),
    top5: classes.length > 5 ? top5 / judged.length : null,
    loss: loss / judged.length,
    classes: classes.map((name, i) => ({
      name,
      support: total(confusion[i]!),
      precision: confusion[i]![i]! / total(confusion.map((row) => row[i]!)),
      recall: confusion[i]![i]! / total(confusion[i]!),
    })),
    confusion,
  };
}

/** The positions of the largest values, the largest first. */
export function ranked(values: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: values.length }, (_, i) => i)
    .sort((a, b) => values[b]! - values[a]!)
    .slice(0, count);
}

/** The 95 % score interval of a proportion (Wilson 1927). It stays within [0, 1] and is honest at few images. */
export function wilsonInterval(successes: number, trials: number): [number, number] {
  const z = 1.959964;
  const p = successes / trials;
  const centre = p + z ** 2 / (2 * trials);
  const spread = z * Math.sqrt((p * (1 - p)) / trials + z ** 2 / (4 * trials ** 2));
  const scale = 1 + z ** 2 / trials;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}
