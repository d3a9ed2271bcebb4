import { describe, expect, test } from 'vitest';
import { measure } from './evaluation.ts';
import { wilsonInterval } from './metrics.ts';

const judged = (pairs: readonly (readonly [label: number, probabilities: readonly number[]])[]) =>
  pairs.map(([label, probabilities]) => ({ label, probabilities }));

describe('measure', () => {
  const metrics = measure(
    judged([
      [0, [0.7, 0.2, 0.1]],
      [0, [0.5, 0.3, 0.2]],
      [0, [0.1, 0.8, 0.1]],
      [1, [0.2, 0.6, 0.2]],
      [1, [0.6, 0.3, 0.1]],
    ]),
    ['ant', 'bee', 'cat'],
  );

  test('counts what was taken for what', () => {
    expect(metrics.confusion).toEqual([
      [2, 1, 0],
      [1, 1, 0],
      [0, 0, 0],
    ]);
    expect(metrics).toMatchObject({ images: 5, correct: 3, accuracy: 0.6, top5: null });
  });

  test('precision is a column’s share, recall a row’s; a class without images has neither', () => {
    expect(metrics.classes).toMatchObject([
      { name: 'ant', support: 3, predicted: 3, precision: 2 / 3, recall: 2 / 3 },
      { name: 'bee', support: 2, predicted: 2, precision: 0.5, recall: 0.5 },
      { name: 'cat', support: 0, predicted: 0, precision: Number.NaN, recall: Number.NaN },
    ]);
  });

  test('the loss is the mean cross entropy, finite where a class was held impossible', () => {
    expect(metrics.loss).toBeCloseTo(
      -(Math.log(0.7) + Math.log(0.5) + Math.log(0.1) + Math.log(0.6) + Math.log(0.3)) / 5,
      12,
    );
    expect(measure(judged([[1, [1, 0]]]), ['a', 'b']).loss).toBeCloseTo(52 * Math.log(2), 9);
  });

  test('top 5 counts the labels among the five most probable, where there are more than five classes', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const probabilities = [0.3, 0.2, 0.2, 0.15, 0.1, 0.05];
    const result = measure(
      judged([
        [0, probabilities],
        [4, probabilities],
        [5, probabilities],
      ]),
      names,
    );
    expect(result.top5).toBeCloseTo(2 / 3, 12);
    expect(result.accuracy).toBeCloseTo(1 / 3, 12);
  });
});

// Newcombe 1998, Statistics in Medicine 17, table I, method 3; the last two from n/(n + z²) and by hand.
test.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
  [29, 29, 0.883, 1],
  [50, 100, 0.4038, 0.5962],
])('the Wilson interval of %i of %i is %f to %f', (successes, trials, low, high) => {
  const [l, h] = wilsonInterval(successes, trials);
  expect(l).toBeCloseTo(low, 4);
  expect(h).toBeCloseTo(high, 4);
});
