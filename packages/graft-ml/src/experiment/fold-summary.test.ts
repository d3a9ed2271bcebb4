import { describe, expect, test } from 'vitest';
import { meanInterval, studentQuantile, summariseFolds } from './fold-summary.ts';

describe('Student’s t at 97.5 %, beside published tables', () => {
  test.each([
    [1, 12.706],
    [4, 2.776],
    [9, 2.262],
    [10, 2.228],
    [19, 2.093],
    [30, 2.042],
    [120, 1.98],
  ])('%i degrees of freedom: %d', (degrees, expected) => {
    expect(studentQuantile(degrees)).toBeCloseTo(expected, 3);
  });
});

test('mean ± t · s / √n', () => {
  const { mean, deviation, margin } = meanInterval([0.8, 0.9, 0.7, 0.85, 0.75]);
  expect(mean).toBeCloseTo(0.8, 12);
  expect(deviation).toBeCloseTo(0.0790569, 6);
  expect(margin).toBeCloseTo((2.77645 * 0.0790569) / Math.sqrt(5), 6);
  expect(meanInterval([0.5, 0.5])).toEqual({ mean: 0.5, deviation: 0, margin: 0 });
});

test('each fold counts once', () => {
  const fold = (fold: number, accuracy: number) => ({
    fold,
    out: `x/fold-${fold}`,
    validation: fold * 10,
    accuracy,
    loss: 1 - accuracy,
    epoch: 3,
  });
  const { accuracy, loss } = summariseFolds([fold(1, 0.6), fold(2, 0.8)]);
  expect(accuracy.mean).toBeCloseTo(0.7, 12);
  expect(loss.mean).toBeCloseTo(0.3, 12);
});
