import type { Value } from '../graph/index.ts';
import { add, div, matmul, mul, neg, reduceSum, reshape, square, sub, transpose } from '../ops/index.ts';

/** The mean feature of each class: features (n, f) by one-hot labels (n, classes) → (classes, f). */
export function prototypes(features: Value, hot: Value): Value {
  const sums = matmul(transpose(hot, [1, 0]), features);
  return div(sums, reshape(reduceSum(hot, [0]), [-1, 1]));
}

/**
 * Prototypes as a linear layer: -|x - c|² = 2·x·c - |c|² - |x|², and the last term is the same for every class.
 * (classes, f) → weight (classes, f), bias (classes).
 */
export function linearOf(centres: Value): { weight: Value; bias: Value } {
  return { weight: mul(centres, 2), bias: neg(reduceSum(square(centres), [1])) };
}

/**
 * -|x - c|² for each feature vector (n, f) and centre (classes, f): (n, classes). Snell et al. 2017, equations 2 and 8.
 */
export function negativeDistances(features: Value, centres: Value): Value {
  const { weight, bias } = linearOf(centres);
  const squares = reshape(reduceSum(square(features), [1]), [-1, 1]);
  return sub(add(matmul(features, transpose(weight, [1, 0])), reshape(bias, [1, -1])), squares);
}
