import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { tolerance } from '../../../../test/golden.ts';
import { config, learnerOf, network, task, tensors } from '../../../../test/meta-golden.ts';
import type { TensorOf } from '../base/tensor.ts';
import type { Episode } from './episode.ts';
import { lossSurface, taskNames } from './index.ts';

const runtime = createRuntime({ cache: null, threads: 1 });
const episode: Episode = {
  support: task[taskNames.support] as TensorOf<'u8'>,
  supportLabels: task[taskNames.supportLabels] as TensorOf<'i64'>,
  query: task[taskNames.query] as TensorOf<'u8'>,
  queryLabels: task[taskNames.queryLabels] as TensorOf<'i64'>,
  classes: Array.from({ length: config.way }, (_, i) => `class ${i}`),
};

test.each(['maml', 'anil', 'boil', 'maml-support', 'maml-momentum'])(
  'the losses on the way of %s are PyTorch’s, and those of the plane where it is on the way',
  async (name) => {
    const losses = tensors[`${name}/losses`]!.data as Float32Array;
    const expectNear = (loss: number, expected: number) =>
      expect(Math.abs(loss - expected)).toBeLessThan(tolerance.model * Math.max(1, expected));
    const whole = await lossSurface(network, learnerOf(name, 5), task, episode, { runtime, columns: 2, rows: 2 });
    for (const [step, { query }] of whole.path.entries()) expectNear(query, losses[step]!);
    // Of one step and three columns the first is the start, and the last the end.
    const one = await lossSurface(network, learnerOf(name, 5), task, episode, {
      runtime,
      steps: 1,
      columns: 3,
      rows: 3,
    });
    for (const [step, column] of [0, 2].entries()) expect(one.path[step]!.at[0]).toBeCloseTo(one.x[column]!, 5);
    for (const [step, column] of [0, 2].entries()) {
      expectNear(one.query[1]![column]!, losses[step]!);
      expectNear(one.support[1]![column]!, one.path[step]!.support);
    }
  },
);

test('two steps lie in the plane; of more it says how much does', async () => {
  const of = (steps: number) =>
    lossSurface(network, learnerOf('maml', 5), task, episode, { runtime, steps, columns: 2, rows: 2 });
  const [two, five] = [await of(2), await of(5)];
  expect(two.held).toBeCloseTo(1, 5);
  expect(five.held).toBeGreaterThan(0.9);
  expect(five.held).toBeLessThan(1);
  expect(two.path[0]!.at).toEqual([0, 0]);
  expect(two.path[1]!.at[1]).toBeGreaterThan(0); // it bends upwards
  expect(two.path[2]!.at[1]).toBeCloseTo(0, 5);
  expect(five.path.at(-1)!.support).toBeLessThan(five.path[0]!.support);
});

test('a step that is none, and a call that is given up', async () => {
  const draw = (options: object) => lossSurface(network, learnerOf('maml', 5), task, episode, { runtime, ...options });
  await expect(draw({ steps: 0 })).rejects.toThrow('steps: expected a whole number from 1');
  await expect(draw({ columns: 1 })).rejects.toThrow('columns: expected a whole number from 2');
  const controller = new AbortController();
  const onProgress = (done: number) => done === 7 && controller.abort(new Error('enough'));
  await expect(draw({ signal: controller.signal, onProgress })).rejects.toThrow('enough');
});
