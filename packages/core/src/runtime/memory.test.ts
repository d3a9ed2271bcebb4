import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { compile, gaussian } from '../../../../test/run.ts';
import { i64, zeros } from '../base/tensor.ts';
import { feedNames, type Network, scalarName, slotName, trainingStep, variablesOf } from '../fit/step.ts';
import { batchNorm, conv2d, crossEntropyLoss, globalAveragePool, initialise, linear } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { sgd } from '../optim/index.ts';
import { State, scalar } from './index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Resident bytes beside V8's own heap, which grows and shrinks as it likes, once what nobody holds is gone. */
function residentSize(): number {
  collectGarbage();
  collectGarbage();
  const { rss, heapTotal } = process.memoryUsage();
  return rss - heapTotal;
}

const megabyte = 2 ** 20;
const batchSize = 8;

/** Two convolutions with batch norm and a head; half a megabyte of parameters, so that a copy per step would show. */
const network: Network = {
  input: { dtype: 'f32', shape: [3, 16, 16] },
  forward(s, x) {
    let y = relu(batchNorm(s.at('bn1'), conv2d(s.at('conv1'), x, { channels: 64, kernel: 3, stride: 2, padding: 1 })));
    y = relu(batchNorm(s.at('bn2'), conv2d(s.at('conv2'), y, { channels: 128, kernel: 3, stride: 2, padding: 1 })));
    return linear(s.at('fc'), globalAveragePool(y), { features: 10 });
  },
};

const optimizer = sgd();
const variables = variablesOf(network);
const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
const step = trainingStep(network, {
  batchSize,
  optimizer,
  settings: new Map(parameters.map(({ name }) => [name, { rate: 1 }])),
  batchNorm: 'running',
  loss: crossEntropyLoss(),
});

function newState(): State {
  const slots = parameters.map(({ name, shape }) => [slotName('momentum', name), zeros('f32', shape)] as const);
  return new State({ ...initialise(variables.values(), 0), ...Object.fromEntries(slots) });
}

/** New tensors at every step, as a loader makes them. */
const batch = (i: number) => ({
  [feedNames.input]: gaussian([batchSize, ...network.input.shape], 'images', i % 4),
  [feedNames.targets]: i64([batchSize], [0, 1, 2, 3, 4, 5, 6, 7]),
  [scalarName('learningRate')]: scalar(0.01),
});

const median = (sizes: readonly number[]) => sizes.toSorted((a, b) => a - b)[sizes.length >> 1]!;

// A single size wavers by some 20 MB, by what V8's compiler and the allocators do in the first hundred steps and now
// and then later: so it is begun late, and medians are compared.
test('150 training steps after the first 200: the resident size stays, within 8 MB', async () => {
  const program = await compile(step.outputs);
  const state = newState();
  const stateBytes = Object.values(state.current).reduce((sum, { data }) => sum + data.byteLength, 0);
  expect(stateBytes).toBeGreaterThan(megabyte / 2);
  const sizes: number[] = [];
  for (let i = 1; i <= 350; i++) {
    await state.step(program, batch(i));
    if (i % 10 === 0) sizes.push(residentSize());
  }
  await program.release();
  const early = median(sizes.slice(14, 20));
  const late = median(sizes.slice(-6));
  expect((late - early) / megabyte).toBeLessThan(8);
});

test('30 compilations: what was released is free, even where the program is still held', async () => {
  const held: unknown[] = [];
  const sizes: number[] = [];
  for (let i = 1; i <= 42; i++) {
    const program = await compile(step.outputs);
    held.push(program);
    await newState().step(program, batch(i));
    await program.release();
    sizes.push(residentSize());
  }
  expect(held.length).toBe(42);
  const early = median(sizes.slice(7, 12));
  const late = median(sizes.slice(37));
  expect((late - early) / megabyte).toBeLessThan(32); // without the release: 100
});
