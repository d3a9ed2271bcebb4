import { OptionError } from '../base/errors.ts';
import { type LbfgsOptions, lbfgs } from '../optim/lbfgs.ts';

export interface LogisticRegressionOptions extends LbfgsOptions {
  /** C, the inverse strength of the penalty. Default 1. */
  readonly inverseStrength?: number;
  /** Where the minimisation begins: a regression of the same shape. Default: zeros. */
  readonly start?: LogisticRegression;
}

/** A linear classifier: logits = weight · x + bias. */
export interface LogisticRegression {
  /** (classes) of (f). */
  readonly weight: readonly Float64Array[];
  /** (classes). */
  readonly bias: Float64Array;
  /** Steps of L-BFGS. */
  readonly steps: number;
  readonly converged: boolean;
}

/**
 * Multinomial logistic regression: the weight and bias that minimise
 *
 *     mean cross entropy + |weight|² / (2 C n)
 *
 * by L-BFGS, which is scikit-learn's LogisticRegression with the same C for three classes or more. (Of two it has one
 * row of weights instead of two opposite ones: its C is twice this one.)
 *
 * @param rows (n) of up to f numbers; what a row lacks at its end is 0
 * @throws OptionError where there are no rows, or not as many labels
 */
export function logisticRegression(
  rows: readonly ArrayLike<number>[],
  labels: readonly number[],
  classes: number,
  { inverseStrength = 1, start, ...options }: LogisticRegressionOptions = {},
): LogisticRegression {
  if (rows.length === 0 || rows.length !== labels.length)
    throw new OptionError({ option: 'labels', expected: `one for each of the ${rows.length} rows`, received: labels });
  const width = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const penalty = 1 / (inverseStrength * rows.length);
  const logits = new Float64Array(classes);
  const biases = classes * width;
  const objective = (x: Float64Array, gradient: Float64Array): number => {
    let loss = 0;
    for (let i = 0; i < biases; i++) {
      loss += (penalty * x[i]! * x[i]!) / 2;
      gradient[i] = penalty * x[i]!;
    }
    gradient.fill(0, biases);
    for (let i = 0; i < rows.length; i++) {
      const [row, label] = [rows[i]!, labels[i]!];
      for (let c = 0; c < classes; c++) logits[c] = x[biases + c]! + product(x, c * width, row);
      loss += toResiduals(logits, label) / rows.length;
      for (let c = 0; c < classes; c++) {
        const residual = logits[c]! / rows.length;
        gradient[biases + c]! += residual;
        addScaled(gradient, c * width, residual, row);
      }
    }
    return loss;
  };
  const { x, steps, converged } = lbfgs(objective, startOf(start, classes, width), options);
  const weight = Array.from({ length: classes }, (_, c) => x.slice(c * width, (c + 1) * width));
  return { weight, bias: x.slice(biases), steps, converged };
}

/** The logits (classes) of a row. Numbers beyond the width of the regression have no weight. */
export function logitsOf({ weight, bias }: LogisticRegression, row: ArrayLike<number>): Float64Array {
  return bias.map((offset, c) => offset + product(weight[c]!, 0, row));
}

function startOf(start: LogisticRegression | undefined, classes: number, width: number): Float64Array {
  const x = new Float64Array(classes * (width + 1));
  if (start) {
    for (const [c, row] of start.weight.entries()) x.set(row, c * width);
    x.set(start.bias, classes * width);
  }
  return x;
}

/** Replaces logits by softmax(logits) − one-hot(label), and returns the cross entropy. */
function toResiduals(logits: Float64Array, label: number): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) highest = Math.max(highest, logit);
  const own = logits[label]! - highest;
  let sum = 0;
  for (let c = 0; c < logits.length; c++) sum += logits[c] = Math.exp(logits[c]! - highest);
  for (let c = 0; c < logits.length; c++) logits[c]! /= sum;
  logits[label]! -= 1;
  return Math.log(sum) - own;
}

function product(values: Float64Array, offset: number, row: ArrayLike<number>): number {
  let [a, b] = [0, 0];
  const length = Math.min(row.length, values.length - offset);
  let k = 0;
  for (; k + 1 < length; k += 2) {
    a += values[offset + k]! * row[k]!;
    b += values[offset + k + 1]! * row[k + 1]!;
  }
  if (k < length) a += values[offset + k]! * row[k]!;
  return a + b;
}

function addScaled(to: Float64Array, offset: number, factor: number, row: ArrayLike<number>): void {
  for (let k = 0; k < row.length; k++) to[offset + k]! += factor * row[k]!;
}
