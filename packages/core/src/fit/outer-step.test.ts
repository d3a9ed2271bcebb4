import { expect, test } from 'vitest';
import { f32, i64 } from '../base/tensor.ts';
import { outerStep } from './outer-step.ts';

const trained = (name: string) => name === 'w';

test('steps towards the mean of the workers with Nesterov momentum; statistics become the mean', () => {
  const state = { w: f32([2], [1, 2]), 'optimizer/momentum/w': f32([2], [0.5, 0]), mean: f32([1], [0]) };
  const workers = [
    { w: f32([2], [0, 2]), mean: f32([1], [2]), count: i64([], [7]) },
    { w: f32([2], [0.5, 1]), mean: f32([1], [4]), count: i64([], [7]) },
  ];
  // g = (0.75, 0.5), v = 0.5 v + g = (1, 0.5), p - 0.5 (g + 0.5 v)
  expect(outerStep(state, workers, trained, { learningRate: 0.5, momentum: 0.5 })).toEqual({
    w: f32([2], [0.375, 1.625]),
    'optimizer/momentum/w': f32([2], [1, 0.5]),
    mean: f32([1], [3]),
    count: i64([], [7]),
  });
});

test('of one worker at rate 1 and without momentum is what that worker came to, whatever the sizes', () => {
  const came = [3e-8, -1.5, 123456.789, 0];
  const state = { w: f32([4], [0.1, 1e-9, -1e3, 7]) };
  const next = outerStep(state, [{ w: f32([4], came) }], trained, { learningRate: 1, momentum: 0 });
  expect(next).toEqual({ w: f32([4], came) });
});
