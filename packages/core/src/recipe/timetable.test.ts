import { expect, test } from 'vitest';
import { parseConfig, resolveConfig } from './config/index.ts';
import type { PlannedStage } from './plan.ts';
import { timetableOf } from './timetable.ts';

test('each fresh stage begins a schedule of its own, whatever the stages are called', () => {
  const stage = (name: string, epochs: number, isFresh: boolean): PlannedStage => ({
    name,
    epochs,
    isFresh,
    settings: new Map(),
  });
  const config = resolveConfig(
    parseConfig({ model: 'conv4', strategy: 'scratch', schedule: 'linear', warmup: 0, batchSize: 10, learningRate: 1 }),
  );
  // The first two share one of 4 epochs, the last two one of 6; an epoch has 2 steps.
  const plan = [stage('head', 1, true), stage('probe', 3, false), stage('probe', 2, true), stage('all', 4, false)];
  const { stages } = timetableOf(config, plan, 20);
  const halves = stages.map(({ schedule }) => [schedule(4, []), schedule(6, [])]);
  expect(halves[0]).toEqual(halves[1]);
  expect(halves[2]).toEqual(halves[3]);
  expect(halves[0]![0]).toBeCloseTo(halves[2]![1]!, 10); // half of 8 steps, and half of 12
});
