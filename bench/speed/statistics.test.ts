import { expect, test } from 'vitest';
import { ratioOf, spreadOf } from './statistics.ts';

test('median and quartiles lie between neighbours', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, quartiles: [1.75, 3.25], count: 4 });
  expect(spreadOf([7])).toEqual({ median: 7, quartiles: [7, 7], count: 1 });
});

test('a ratio is taken turn by turn, so that a machine that slows down does not change it', () => {
  const slowing = [1, 1.5, 2, 4, 8];
  const { ratio, interval, pairs } = ratioOf(
    slowing.map((factor) => 30 * factor),
    slowing.map((factor) => 40 * factor),
  );
  expect(pairs).toEqual([0.75, 0.75, 0.75, 0.75, 0.75]);
  expect(ratio).toBe(0.75);
  expect(interval).toEqual([0.75, 0.75]);
});

test('the interval holds the ratio, leaves out a single outlier, and is the same again', () => {
  const ours = [9, 10, 11, 10, 9, 11, 10, 30, 10];
  const theirs = ours.map(() => 10);
  const { ratio, interval } = ratioOf(ours, theirs);
  expect(ratio).toBe(1);
  expect(interval[0]).toBeGreaterThanOrEqual(0.9);
  expect(interval[0]).toBeLessThanOrEqual(1);
  expect(interval[1]).toBeGreaterThanOrEqual(1);
  expect(interval[1]).toBeLessThan(3);
  expect(ratioOf(ours, theirs).interval).toEqual(interval);
});
