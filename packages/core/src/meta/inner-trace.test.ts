import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../test/golden.ts';
import { config, learnerOf, network, parameters, task, tensors } from '../../../../test/meta-golden.ts';
import { f32, numbersOf, type Tensor, type TensorOf } from '../base/tensor.ts';
import type { Episode } from './episode.ts';
import { taskNames, traceInnerLoop } from './index.ts';
import { pathGraph, pathName } from './task-graph.ts';

const runtime = createRuntime({ cache: null, threads: 1, tune: false });
const episode: Episode = {
  support: task[taskNames.support] as TensorOf<'u8'>,
  supportLabels: task[taskNames.supportLabels] as TensorOf<'i64'>,
  query: task[taskNames.query] as TensorOf<'u8'>,
  queryLabels: task[taskNames.queryLabels] as TensorOf<'i64'>,
  classes: Array.from({ length: config.way }, (_, i) => `class ${i}`),
};
const trace = (name: string, steps?: number) =>
  traceInnerLoop(network, learnerOf(name, 5), task, episode, { runtime, steps });
const labels = (side: 'support' | 'query') =>
  Array.from(side === 'support' ? episode.supportLabels.data : episode.queryLabels.data, Number);
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

test.each(['maml', 'anil', 'boil', 'maml-support', 'maml-momentum'])('%s: losses are PyTorch’s', async (name) => {
  const losses = tensors[`${name}/losses`]!;
  const steps = await trace(name, losses.data.length - 1);
  const own = f32(
    [steps.length],
    steps.map(({ query }) => query.loss),
  );
  expect(relativeError(own, losses)).toBeLessThan(tolerance.model);
});

test.each(['support', 'query'] as const)('%s: loss and accuracy are those of the probabilities', async (side) => {
  for (const { [side]: said, step } of await trace('maml')) {
    const truth = labels(side);
    const own = said.probabilities.map((row, i) => row[truth[i]!]!);
    expect(said.loss, `step ${step}`).toBeCloseTo(mean(own.map((p) => -Math.log(p))), 4);
    const right = said.probabilities.filter((row, i) => Math.max(...row) === own[i]);
    expect(said.accuracy).toBeCloseTo(right.length / truth.length, 6);
    for (const row of said.probabilities) expect(mean(row) * row.length).toBeCloseTo(1, 5);
  }
});

test.each([
  ['maml', () => true],
  ['anil', (parameter: string) => parameter.startsWith('fc.')],
  ['boil', (parameter: string) => !parameter.startsWith('fc.')],
] as const)('%s moves only what it adapts, as far as its way goes', async (name, isAdapted) => {
  const steps = await trace(name, 2);
  expect(steps).toHaveLength(3);
  const shape = { way: config.way, support: labels('support').length, queries: labels('query').length };
  const program = await runtime.compile(pathGraph(network, learnerOf(name, 5), shape, 2));
  const way = await program.run(task).finally(() => program.release());
  for (const parameter of parameters) {
    const moved = steps.map(({ distances }) => distances[parameter]!);
    if (!isAdapted(parameter)) expect(moved, parameter).toEqual([0, 0, 0]);
    else expect(moved[2], parameter).toBeCloseTo(distance(way[pathName(2, parameter)]!, task[parameter]!), 5);
    // A bias before a batch norm changes nothing: its gradient is zero but for rounding.
    if (parameter.endsWith('.conv.bias')) expect(moved[2], parameter).toBeLessThan(1e-5);
    else expect(moved[2]! > 0, parameter).toBe(isAdapted(parameter));
  }
});

function distance(a: Tensor, b: Tensor): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  return Math.hypot(...left.map((value, i) => value - right[i]!));
}

test('steps that there cannot be', async () => {
  await expect(trace('maml', -1)).rejects.toThrow('steps: expected a whole number from 0 on, received -1');
  expect(await trace('maml', 0)).toHaveLength(1);
});
