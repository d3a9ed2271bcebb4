import { episodeInterval } from '@graft-ml/core/internal/meta/statistics';
import { expect, test } from 'vitest';
import { type Comparison, comparisonChart, comparisonMarkdown } from './comparison.ts';

test('the interval of the mean over episodes, by hand', () => {
  // Deviations ±0.1: σ = √(0.04 / 3), margin 1.96 σ / 2.
  const { mean, deviation, margin } = episodeInterval([0.8, 0.8, 1, 1]);
  expect(mean).toBeCloseTo(0.9, 12);
  expect(deviation).toBeCloseTo(0.11547, 5);
  expect(margin).toBeCloseTo(0.11316, 5);
  expect(episodeInterval([0.5]).margin).toBe(0);
});

test('a comparison as a table and as curves', () => {
  const interval = { mean: 0.95, margin: 0.01, deviation: 0.1 };
  const row = {
    name: 'maml',
    learner: 'maml',
    model: 'conv4',
    parameters: 112_000,
    episodes: 600,
    accuracy: interval,
    ...{
      perStep: [
        { steps: 0, accuracy: { ...interval, mean: 0.2 } },
        { steps: 1, accuracy: interval },
      ],
    },
    ...{
      validation: 0.9,
      seconds: 90,
      curve: [
        [100, 0.8],
        [200, 0.9],
      ] as const,
    },
  };
  const still = { ...row, name: 'nearest-centroid', perStep: row.perStep.slice(1), curve: [[0, 0.7]] as const };
  const comparison: Comparison = { shape: { way: 5, shots: 1, queries: 15 }, episodes: 600, rows: [row, still] };
  expect(comparisonMarkdown(comparison)).toBe(
    [
      '5-way 1-shot, 15 queries of each class: mean over 600 episodes of test classes ± 95 % interval. All learners saw the same episodes.',
      '',
      '| learner | backbone | parameters | test accuracy | before adaptation | validation | minutes |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| maml | conv4 | 112,000 | 95.00 ± 1.00 % | 20.00 % | 90.00 % | 1.5 |',
      '| nearest-centroid | conv4 | 112,000 | 95.00 ± 1.00 % | – | 90.00 % | 1.5 |',
      '',
    ].join('\n'),
  );
  const { series } = comparisonChart(comparison);
  expect(series).toEqual([
    {
      name: 'maml',
      points: [
        [100, 0.8],
        [200, 0.9],
      ],
    },
  ]);
});
