import { type TensorOf, zeros } from '../../base/tensor.ts';
import { dot, type LabelledFeatures, type LinearHead, rowOf, unitRows } from './linear-head.ts';

/** The largest gradient that counts as none. Coefficients are at most `inverseStrength`, so this is relative to 1. */
const tolerance = 1e-10;
const mostSteps = 20_000;

/**
 * Multinomial logistic regression on features of length 1 (Tian et al. 2020, section 3): the W that minimises ½·|W|² +
 * C · Σ cross entropy, which is scikit-learn's objective. There is no bias, so that W can stand in a network whose
 * features have any length: x and x/|x| get the same answer. W is scaled by 1 / (mean length of the support's
 * features), so that a softmax of W·x is about as sure as one of the features of length 1.
 *
 * @param inverseStrength C; scikit-learn's and Tian's default is 1
 */
export function linearProbe({ features, labels }: LabelledFeatures, inverseStrength = 1): LinearHead {
  const way = Math.max(...labels) + 1;
  const units = unitRows(features);
  const coefficients = solve(gramMatrix(units), labels, way, inverseStrength);
  const scale = 1 / meanLength(features);
  const weight = zeros('f32', [way, features.shape[1]!]);
  for (let label = 0; label < way; label++) {
    const w = new Float64Array(features.shape[1]!);
    labels.forEach((_, row) => {
      const x = rowOf(units, row);
      const a = coefficients[row * way + label]!;
      for (let i = 0; i < w.length; i++) w[i]! += a * x[i]!;
    });
    rowOf(weight, label).set(w.map((value) => value * scale));
  }
  return { weight, bias: zeros('f32', [way]) };
}

/**
 * The optimum lies in the span of the examples, W = Aᵀ·X with A (n, way), so features may be as wide as they like. In
 * A, with the geometry of W, the gradient is A + C·(P - Y), P the softmax of K·A and K = X·Xᵀ. The objective is
 * 1-strongly convex and (1 + C·λ/2)-smooth, λ the largest eigenvalue of K, so Nesterov's method with constant momentum
 * converges linearly (Nesterov 2004, section 2.2.1); λ is at most K's largest row sum. Deterministic: no line search,
 * no random start.
 */
function solve(gram: Float64Array, labels: readonly number[], way: number, inverseStrength: number): Float64Array {
  const n = labels.length;
  const smoothness = 1 + (inverseStrength * largestRowSum(gram, n)) / 2;
  const momentum = (Math.sqrt(smoothness) - 1) / (Math.sqrt(smoothness) + 1);
  let now = new Float64Array(n * way);
  let ahead = now;
  for (let step = 0; step < mostSteps; step++) {
    const gradient = gradientAt(ahead, gram, labels, way, inverseStrength);
    const next = ahead.map((a, i) => a - gradient[i]! / smoothness);
    if (gradient.every((g) => Math.abs(g) <= tolerance * inverseStrength)) return next;
    ahead = next.map((a, i) => a + momentum * (a - now[i]!));
    now = next;
  }
  return now;
}

/** A + C·(softmax(K·A) - Y), by rows. */
function gradientAt(
  coefficients: Float64Array,
  gram: Float64Array,
  labels: readonly number[],
  way: number,
  inverseStrength: number,
): Float64Array {
  const n = labels.length;
  const gradient = coefficients.slice();
  const logits = new Float64Array(way);
  for (let row = 0; row < n; row++) {
    logits.fill(0);
    for (let other = 0; other < n; other++) {
      const k = gram[row * n + other]!;
      for (let label = 0; label < way; label++) logits[label]! += k * coefficients[other * way + label]!;
    }
    const most = Math.max(...logits);
    const exponentials = logits.map((logit) => Math.exp(logit - most));
    const total = exponentials.reduce((a, b) => a + b);
    for (let label = 0; label < way; label++) {
      const target = labels[row] === label ? 1 : 0;
      gradient[row * way + label]! += inverseStrength * (exponentials[label]! / total - target);
    }
  }
  return gradient;
}

/** X·Xᵀ (n, n). */
function gramMatrix(features: TensorOf<'f32'>): Float64Array {
  const n = features.shape[0]!;
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      gram[i * n + j] = dot(rowOf(features, i), rowOf(features, j));
      gram[j * n + i] = gram[i * n + j]!;
    }
  }
  return gram;
}

function largestRowSum(matrix: Float64Array, n: number): number {
  const sums = Array.from({ length: n }, (_, i) =>
    matrix.subarray(i * n, (i + 1) * n).reduce((sum, value) => sum + Math.abs(value), 0),
  );
  return Math.max(...sums);
}

function meanLength(features: TensorOf<'f32'>): number {
  const n = features.shape[0]!;
  const lengths = Array.from({ length: n }, (_, i) => Math.sqrt(dot(rowOf(features, i), rowOf(features, i))));
  return lengths.reduce((a, b) => a + b) / n || 1;
}
