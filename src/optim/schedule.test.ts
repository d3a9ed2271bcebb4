import { describe, expect, test } from 'vitest';
import { golden } from '../../test/golden.ts';
import { constant, oneCycle, stepDecay } from './index.ts';

const { tensors, metadata } = golden('optim');

describe('schedules equal PyTorch', () => {
  const table = JSON.parse(metadata.schedules!);
  test.each([
    ['step', stepDecay(table.step)],
    ['one-cycle', oneCycle(table['one-cycle'])],
  ] as const)('%s', (name, schedule) => {
    const expected = tensors[`schedule/${name}`]!.data;
    for (let step = 0; step < expected.length; step++) {
      expect(schedule(step, []) / Number(expected[step])).toBeCloseTo(1, 6);
    }
  });
  test('constant', () => {
    expect([0, 7, 10_000].map((step) => constant(0.3)(step, []))).toEqual([0.3, 0.3, 0.3]);
  });
});
