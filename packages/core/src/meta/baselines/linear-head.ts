import { type TensorOf, zeros } from '../../base/tensor.ts';

/** Rows of features (n, f), and the label of each row. */
export interface LabelledFeatures {
  readonly features: TensorOf<'f32'>;
  /** 0 to way - 1, and every label is there. */
  readonly labels: readonly number[];
}

/** The head that every baseline fits: logits = W · x + b. The head of an ordinary run can be made of it. */
export interface LinearHead {
  /** (way, f) */
  readonly weight: TensorOf<'f32'>;
  /** (way) */
  readonly bias: TensorOf<'f32'>;
}

/** One row of a matrix, without a copy. */
export function rowOf({ shape, data }: TensorOf<'f32'>, row: number): Float32Array {
  const width = shape[1]!;
  return data.subarray(row * width, (row + 1) * width);
}

/** A copy of the given rows. */
export function rowsOf(features: TensorOf<'f32'>, rows: readonly number[]): TensorOf<'f32'> {
  const chosen = zeros('f32', [rows.length, features.shape[1]!]);
  rows.forEach((row, i) => {
    rowOf(chosen, i).set(rowOf(features, row));
  });
  return chosen;
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Rows of length 1; a row of zeros stays one. */
export function unitRows(features: TensorOf<'f32'>): TensorOf<'f32'> {
  const units = zeros('f32', features.shape);
  for (let row = 0; row < features.shape[0]!; row++) {
    const from = rowOf(features, row);
    const norm = Math.sqrt(dot(from, from)) || 1;
    rowOf(units, row).set(from.map((value) => value / norm));
  }
  return units;
}

/** The label with the largest logit for each row; of equal ones the first. */
export function predict({ weight, bias }: LinearHead, features: TensorOf<'f32'>): number[] {
  return Array.from({ length: features.shape[0]! }, (_, row) => {
    const x = rowOf(features, row);
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (let label = 0; label < bias.data.length; label++) {
      const logit = dot(rowOf(weight, label), x) + bias.data[label]!;
      if (logit > most) [best, most] = [label, logit];
    }
    return best;
  });
}
