import { expect, test } from 'vitest';
import { type CurvePoint, learningCurves } from './learning-curves.ts';

const point = (epoch: number, stage: string, loss: number, isBest: boolean): CurvePoint => ({
  epoch,
  stage,
  loss,
  isBest,
  training: { loss: 2 * loss, accuracy: 0.5, meanAbsoluteError: 3 },
  metrics: { accuracy: 0.75, meanAbsoluteError: 4 },
});

test('a chart for the loss and one for each metric, with the best epoch and the stages', () => {
  const points = [point(1, 'head', 3, true), point(2, 'all', 1, true), point(3, 'all', 2, false)];
  const charts = learningCurves(points);
  expect(charts.map(({ title, y }) => [title, y.label, y.format])).toEqual([
    ['Loss', 'loss, nats', undefined],
    ['Accuracy', 'accuracy', 'percent'],
    ['MeanAbsoluteError', 'meanAbsoluteError', undefined],
  ]);
  expect(charts[0]!.series).toEqual([
    { name: 'training', points: [[1, 6], [2, 2], [3, 4]] },
    { name: 'validation', points: [[1, 3], [2, 1], [3, 2]] },
  ]); // biome-ignore format: points
  expect(charts[1]!.series[1]!.points).toEqual([[1, 0.75], [2, 0.75], [3, 0.75]]); // biome-ignore format: points
  for (const { marks } of charts) {
    expect(marks).toEqual([
      { at: 2, label: 'all' },
      { at: 2, label: 'best, epoch 2' },
    ]);
  }
});
