import { meanOfDefined } from './metrics.ts';

/** The number of images of each class (row) classified as each class (column). */
export type ConfusionMatrix = readonly (readonly number[])[];

/** Averages over classes of what is measured for each. Classes without a value do not count. */
export interface ClassAverages {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Area under the ROC curve of each class against the rest. */
  readonly rocAuc: number;
  /** Average precision of each class against the rest. */
  readonly averagePrecision: number;
}

/** The numbers of one class. */
export interface ClassMetrics extends ClassAverages {
  readonly name: string;
  /** Images of this class. */
  readonly support: number;
  /** Images classified as this class. */
  readonly predicted: number;
  /** The share of images classified as this class that belong to it, TP / (TP + FP); NaN where there is none. */
  readonly precision: number;
  /** The share of images of this class that were recognised, TP / (TP + FN); NaN where there is none. */
  readonly recall: number;
  /** 2·TP / (2·TP + FP + FN); NaN where no image is of this class or was classified as it. */
  readonly f1: number;
}

/** Images of a class, those classified as it, and those of both. */
export interface ClassCounts {
  readonly support: number;
  readonly predicted: number;
  readonly correct: number;
}

/** Rows, columns and diagonal of a confusion matrix. */
export function countsOf(confusion: ConfusionMatrix): ClassCounts[] {
  const predicted = confusion.map(() => 0);
  for (const row of confusion) {
    for (const [taken, count] of row.entries()) predicted[taken]! += count;
  }
  return confusion.map((row, label) => ({
    support: row.reduce((sum, count) => sum + count, 0),
    predicted: predicted[label]!,
    correct: row[label]!,
  }));
}

/** Precision, recall and F₁ of a class, as scikit-learn has them with `zero_division=nan`. */
export function scoresOfCounts({ support, predicted, correct }: ClassCounts): {
  precision: number;
  recall: number;
  f1: number;
} {
  return { precision: correct / predicted, recall: correct / support, f1: (2 * correct) / (support + predicted) };
}

/** The mean over classes, each counting alike or, with weights, by its weight. */
export function averageOver(classes: readonly ClassAverages[], weights?: readonly number[]): ClassAverages {
  const mean = (name: keyof ClassAverages) =>
    meanOfDefined(
      classes.map((one) => one[name]),
      weights,
    );
  return {
    precision: mean('precision'),
    recall: mean('recall'),
    f1: mean('f1'),
    rocAuc: mean('rocAuc'),
    averagePrecision: mean('averagePrecision'),
  };
}

/** The share of each row's images in each column; NaN in the row of a class without images. */
export function rowShares(confusion: ConfusionMatrix): number[][] {
  return confusion.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => count / total);
  });
}
