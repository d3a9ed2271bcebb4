import { expect, test } from 'vitest';
import { nextBatch } from './batch-queue.ts';

const sizes = [1, 2, 4, 8];
const queue = (count: number, alone: readonly number[] = []) =>
  Array.from({ length: count }, (_, i) => ({ since: 100, isAlone: alone.includes(i) }));

test.each([
  ['nothing', queue(0), sizes, 0, null],
  ['one at once', queue(1), sizes, 0, 1],
  ['the largest size that is filled', queue(7), sizes, 0, 4],
  ['no more than the largest', queue(20), sizes, 0, 8],
  ['a full batch without waiting', queue(8), sizes, 50, 8],
  ['the rest of the time', queue(3), sizes, 50, { delay: 40 }],
  ['what came when the time is over', queue(3), sizes, 10, 2],
  ['less than a model takes, where it takes no less', queue(3), [8], 0, 3],
  ['one that is alone', queue(5, [0]), sizes, 50, 1],
  ['those before one that is alone, without waiting for others', queue(5, [3]), sizes, 50, 2],
] as const)('the next batch is %s', (_, waiting, of, wait, expected) => {
  expect(nextBatch(waiting, { sizes: of, workers: 1, wait, now: 110 })).toEqual(expected);
});

test.each([
  [8, 4],
  [3, 2],
  [1, 1],
  [40, 8],
])('of two workers, the first takes its share of %i images: %i', (count, expected) => {
  expect(nextBatch(queue(count), { sizes, workers: 2, wait: 0, now: 110 })).toBe(expected);
});
