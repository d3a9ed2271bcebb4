import type { LoggedEpoch } from '@graft-ml/core/internal/runs/run-curves';
import { expect, test } from 'vitest';
import { diagnose, stagesOf } from './course.ts';

type Row = readonly [loss: number, accuracy: number, trainingAccuracy: number];

const epochs = (rows: readonly Row[], stageAt: (epoch: number) => string = () => 'head'): LoggedEpoch[] =>
  rows.map(([loss, accuracy, fitted], i) => ({
    epoch: i + 1,
    stage: stageAt(i + 1),
    loss,
    isBest: false,
    training: { loss: loss / 2, accuracy: fitted },
    metrics: { accuracy },
    learningRate: 0.001,
    seconds: 2,
  }));

test.each<[string, Row[], string, string]>([
  [
    'the loss rises while training goes on',
    [
      [1, 0.7, 0.7],
      [0.8, 0.75, 0.9],
      [1.2, 0.74, 0.99],
    ],
    'overfitting',
    'lowest in epoch 2 and has risen by 50 %',
  ],
  [
    'a very wide gap',
    [
      [1, 0.5, 0.6],
      [0.9, 0.6, 0.8],
      [0.9, 0.6, 0.95],
    ],
    'overfitting',
    'training accuracy was 95.0 %, validation accuracy 60.0 %',
  ],
  [
    'losses that still fall',
    [
      [1, 0.5, 0.5],
      [0.8, 0.6, 0.6],
      [0.6, 0.7, 0.68],
    ],
    'underfitting',
    'by 40 % over the last two epochs',
  ],
  [
    'a plateau',
    [
      [0.5, 0.9, 0.9],
      [0.4, 0.92, 0.93],
      [0.4, 0.92, 0.94],
      [0.4, 0.92, 0.95],
    ],
    'good',
    'levelled off (lowest in epoch 2)',
  ],
  [
    'a plateau with a gap',
    [
      [0.5, 0.8, 0.9],
      [0.4, 0.8, 0.92],
      [0.4, 0.8, 0.94],
      [0.4, 0.8, 0.95],
    ],
    'good',
    'gap between training and validation is wide',
  ],
  [
    'two epochs',
    [
      [1, 0.5, 0.5],
      [0.5, 0.8, 0.8],
    ],
    'unknown',
    '2 epochs',
  ],
])('%s', (_, rows, verdict, words) => {
  const diagnosis = diagnose(epochs(rows));
  expect(diagnosis.verdict).toBe(verdict);
  expect(diagnosis.text).toContain(words);
});

test('stages with their epochs and times; one that comes again is another', () => {
  const rows: Row[] = Array.from({ length: 5 }, () => [1, 0.5, 0.5]);
  const stages = stagesOf(epochs(rows, (epoch) => (epoch === 3 ? 'layer4' : 'head')));
  expect(stages).toEqual([
    { stage: 'head', from: 1, to: 2, seconds: 4 },
    { stage: 'layer4', from: 3, to: 3, seconds: 2 },
    { stage: 'head', from: 4, to: 5, seconds: 4 },
  ]);
});
