import { expect, test } from 'vitest';
import { f32, i64 } from '../base/tensor.ts';
import {
  accuracy,
  f1Score,
  type Metric,
  meanAbsoluteError,
  meanMetric,
  meanSquaredError,
  multilabelAccuracy,
  sumsOver,
  topK,
} from './metrics.ts';

const logits = f32([4, 3], [0.1, 0.7, 0.2, 3, 1, 2, 0, 5, 5, -1, -1, -1]);
const labels = i64([4], [1, 2, 2, 0]);
const [output, target] = [f32([3, 2], [1, 2, -1, 0, 4, 4]), f32([3, 2], [1, 0, 1, 1, 0, 0])];

/** In batches of two: a metric must not depend on how examples are divided. */
function measured(
  metric: Metric,
  [outputs, targets]: readonly [typeof logits, typeof labels | typeof target],
  n: number,
) {
  const state = metric.start();
  for (let start = 0; start < n; start += 2) {
    const rows = <T extends { shape: readonly number[]; data: { subarray(a: number, b: number): unknown } }>(of: T) => {
      const width = of.shape.slice(1).reduce((a, b) => a * b, 1);
      return { ...of, shape: [2, ...of.shape.slice(1)], data: of.data.subarray(start * width, (start + 2) * width) };
    };
    state.add(rows(outputs) as typeof logits, rows(targets) as typeof labels, Math.min(2, n - start));
  }
  return state.value();
}

// Equal logits: the first counts, so that example 3 is wrong and example 4 right.
test.each<[Metric, number]>([
  [accuracy(), 2 / 4],
  [topK(2), 4 / 4],
])('$name of labels', (metric, expected) => {
  expect(measured(metric, [logits, labels], 4)).toBeCloseTo(expected, 12);
});

test.each<[Metric, number]>([
  [meanAbsoluteError(), (0 + 2 + 2 + 1 + 4 + 4) / 6],
  [meanSquaredError(), (0 + 4 + 4 + 1 + 16 + 16) / 6],
  [multilabelAccuracy(), 1 / 6],
  [f1Score(), 2 / (4 + 3)],
  [meanMetric('first', { higherIsBetter: true }, ([y], [t]) => Number(y === t)), 1 / 3],
])('$name of numbers', (metric, expected) => {
  expect(measured(metric, [output, target], 3)).toBeCloseTo(expected, 12);
});

test('padding behind the examples that count is not looked at', () => {
  const state = accuracy().start();
  state.add(logits, labels, 1);
  expect(state.value()).toBe(1);
});

test('a logit that is not a number is no right answer', () => {
  const state = accuracy().start();
  state.add(f32([2, 2], [Number.NaN, 1, Number.NaN, Number.NaN]), i64([2], [0, 1]), 2);
  expect(state.value()).toBe(0);
});

test('sums: exact for means, the value times the examples for others', () => {
  expect(sumsOver([accuracy(), topK(2)], output, i64([3], [1, 0, 1]), 3)).toEqual({ accuracy: 1, top2: 3 });
  const { meanAbsoluteError: sum, f1Score: product } = sumsOver([meanAbsoluteError(), f1Score()], output, target, 3);
  expect(sum).toBe(13 / 2);
  expect(product).toBeCloseTo((3 * 2) / 7, 12);
});

test('accuracy of what are no labels says what else there is', () => {
  expect(() => accuracy().start().add(output, target, 3)).toThrow(
    'accuracy: expected outputs (n, classes) and labels (n), received f32[3,2] and f32[3,2]. Say what else is to be measured',
  );
});
