import { expect, test } from 'vitest';
import { workerSeed, workerShards } from './shards.ts';

const labels = Array.from({ length: 23 }, (_, i) => [0, 0, 1, 2][i % 4]!);

test('every image is one worker’s, of each class as many as the others have, up to one', () => {
  const shards = workerShards(labels, 4, 3);
  expect(shards.flat().sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
  const spread = (counts: number[]) => Math.max(...counts) - Math.min(...counts);
  expect(spread(shards.map(({ length }) => length))).toBeLessThanOrEqual(1);
  for (const label of [0, 1, 2]) {
    expect(spread(shards.map((shard) => shard.filter((i) => labels[i] === label).length))).toBeLessThanOrEqual(1);
  }
  expect(workerShards(labels, 4, 4)).not.toEqual(shards);
});

test('one worker has everything in its order, and the run’s own seed', () => {
  expect(workerShards(labels, 1, 3)).toEqual([labels.map((_, i) => i)]);
  expect([workerSeed(5, 0), new Set([0, 1, 2, 3].map((worker) => workerSeed(5, worker))).size]).toEqual([5, 4]);
});
