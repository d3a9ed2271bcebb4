import { describe, expect, test } from 'vitest';
import { f32, i64 } from '../base/tensor.ts';
import { averageTensors } from './average.ts';

/** From torch 1.13 in f32, which rounds sums: torch.manual_seed(0), torch.stack(...).mean(0) and torch.lerp. */
const states = [
  {
    weight: f32([2], [1.5409960746765137, -0.293428897857666]),
    running_mean: f32([2], [-2.1787893772125244, 0.5684312582015991]),
    num_batches_tracked: i64([], [3]),
  },
  {
    weight: f32([2], [-1.0845223665237427, -1.3985954523086548]),
    running_mean: f32([2], [0.40334683656692505, 0.8380263447761536]),
    num_batches_tracked: i64([], [5]),
  },
  {
    weight: f32([2], [-0.7192575931549072, -0.40334352850914]),
    running_mean: f32([2], [-0.5966353416442871, 0.18203648924827576]),
    num_batches_tracked: i64([], [7]),
  },
] as const;
const ingredients = states.map((tensors, i) => ({ source: `run-${i}`, tensors }));

describe('the average of weights', () => {
  test('is that of torch: parameters and buffers alike', () => {
    const { weight, running_mean, num_batches_tracked } = averageTensors(ingredients);
    expect([...weight!.data]).toEqual([expect.closeTo(-0.08759462833, 6), expect.closeTo(-0.69845598936, 6)]);
    expect([...running_mean!.data]).toEqual([expect.closeTo(-0.79069262743, 6), expect.closeTo(0.52949804068, 6)]);
    expect([...num_batches_tracked!.data]).toEqual([3n]);
  });

  test('with shares it is torch.lerp between two, and either end is one of them to the bit', () => {
    const [from, to] = ingredients;
    const mixed = (alpha: number) =>
      averageTensors([
        { ...from!, share: 1 - alpha },
        { ...to!, share: alpha },
      ]);
    expect([...mixed(0.3).weight!.data]).toEqual([expect.closeTo(0.7533405423, 6), expect.closeTo(-0.62497889996, 6)]);
    expect(mixed(0).weight).toEqual(states[0].weight);
    expect(mixed(0).running_mean).toEqual(states[0].running_mean);
    expect(mixed(1).weight).toEqual(states[1].weight);
  });

  test('what is the same in all, frozen layers, is not rounded', () => {
    const frozen = f32([3], [0.1, 1 / 3, -7e-9]);
    const three = [0, 1, 2].map((i) => ({ source: `run-${i}`, tensors: { frozen } }));
    expect(averageTensors(three).frozen).toEqual(frozen);
  });

  test('networks that differ cannot be averaged, and the message has both sides', () => {
    const other = { source: 'run-b', tensors: { weight: f32([3], [0, 0, 0]), bias: f32([2], [0, 0]) } };
    const one = { source: 'run-a', tensors: { weight: f32([2], [0, 0]) } };
    expect(() => averageTensors([one, other])).toThrow(
      '2 of 2 tensors of run-b are not like those of run-a, and cannot be averaged with them.\n' +
        '  weight: f32[2] (run-a), f32[3] (run-b)\n' +
        '  bias: absent (run-a), f32[2] (run-b)',
    );
    expect(() => averageTensors([])).toThrow('at least one');
    expect(() => averageTensors([{ ...one, share: 0 }])).toThrow('sum above 0, received 0');
  });
});
