import { expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { confusedPairs, leastSure, mostConfused, topLosses } from './interpretation.ts';

const judged = (
  [
    [0, [0.7, 0.2, 0.1]],
    [0, [0.1, 0.8, 0.1]],
    [0, [0.3, 0.6, 0.1]],
    [1, [0.5, 0.4, 0.1]],
    [1, [0.2, 0.6, 0.2]],
    [2, [0.9, 0.1, 0]],
    [2, [0.3, 0.3, 0.4]],
  ] as const
).map(([label, probabilities]) => ({ label, probabilities }));

test('top losses: the cross entropy of the label, finite where it was held impossible', () => {
  const losses = topLosses(judged, { count: 3 });
  expect(losses.map(({ index }) => index)).toEqual([5, 1, 2]);
  expect(losses[0]!.loss).toBeCloseTo(27.631, 3);
  expect(losses[1]).toEqual({
    index: 1,
    label: 0,
    predicted: 1,
    confidence: 0.8,
    probability: 0.1,
    loss: -Math.log(0.1),
  });
  expect(topLosses(judged)).toHaveLength(7);
});

test('most confused: pairs by their number, then by their share of the class, with their examples', () => {
  expect(mostConfused(judged)).toEqual([
    { label: 0, predicted: 1, count: 2, share: 2 / 3, examples: [1, 2] },
    { label: 1, predicted: 0, count: 1, share: 1 / 2, examples: [3] },
    { label: 2, predicted: 0, count: 1, share: 1 / 2, examples: [5] },
  ]);
  expect(mostConfused(judged, { least: 2 })).toHaveLength(1);
  expect(mostConfused(judged, { count: 2 })).toHaveLength(2);
  const confusion = [
    [1, 2, 0],
    [1, 1, 0],
    [1, 0, 1],
  ];
  expect(confusedPairs(confusion)).toEqual(mostConfused(judged).map(({ examples: _, ...pair }) => pair));
});

test('least sure: by entropy, and by the margin of the two likeliest', () => {
  const byEntropy = leastSure(judged, { count: 2 });
  expect(byEntropy.map(({ index }) => index)).toEqual([6, 4]);
  expect(byEntropy[0]!.uncertainty).toBeCloseTo(-(0.6 * Math.log(0.3) + 0.4 * Math.log(0.4)) / Math.log(3), 12);
  const byMargin = leastSure(judged, { by: 'margin' });
  expect(byMargin.map(({ index }) => index)).toEqual([3, 6, 2, 4, 0, 1, 5]);
  expect(byMargin[0]!.uncertainty).toBeCloseTo(0.9, 12);
  expect(leastSure([{ label: 1, probabilities: [0, 1] }])[0]!.uncertainty).toBe(0);
});

test('of nothing, nothing; of a label without a probability, an error', () => {
  expect([topLosses([]), mostConfused([]), leastSure([])]).toEqual([[], [], []]);
  expect(() => topLosses([{ label: 3, probabilities: [0.5, 0.5] }])).toThrow(OptionError);
});
