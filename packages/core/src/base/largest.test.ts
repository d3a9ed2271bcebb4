import { expect, test } from 'vitest';
import { ranked } from './largest.ts';

test('ranked gives the largest first, equals in their order, and no more than there are', () => {
  expect(ranked([0.1, 0.4, 0.1, 0.4], 3)).toEqual([1, 3, 0]);
  expect(ranked(new Float32Array([1, 2]), 5)).toEqual([1, 0]);
});
