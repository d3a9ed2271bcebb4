import { expect, test } from 'vitest';
import { parseConfig, resolveConfig } from './config/index.ts';
import type { PlannedStage } from './plan.ts';
import { timetableOf } from './timetable.ts';

test('each fresh stage begins a schedule of its own, whatever the stages are called', () => {
  const stage = (name: string, from: number, epochs: number, isFresh: boolean): PlannedStage => ({
    name,
    from,
    epochs,
    isFresh,
    isProbe: false,
    settings: new Map(),
  });
  const config = resolveConfig(
    parseConfig({ model: 'conv4', strategy: 'scratch', schedule: 'linear', warmup: 0, batchSize: 10, learningRate: 1 }),
  );
  // The first two share one of 4 epochs, the last two one of 6; an epoch has 2 steps.
  const plan = [
    stage('head', 0, 1, true),
    stage('probe', 1, 3, false),
    stage('probe', 4, 2, true),
    stage('all', 6, 4, false),
  ];
  const { stages } = timetableOf(config, plan, 20);
  const halves = stages.map(({ schedule }) => [schedule(4, []), schedule(6, [])]);
  expect(halves[0]).toEqual(halves[1]);
  expect(halves[2]).toEqual(halves[3]);
  expect(halves[0]![0]).toBeCloseTo(halves[2]![1]!, 10); // half of 8 steps, and half of 12
});
