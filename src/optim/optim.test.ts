import { describe, expect, test } from 'vitest';
import { golden, relativeError } from '../../test/golden.ts';
import { randomStream } from '../base/random.ts';
import type { Tensor } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { input, type Value } from '../graph/index.ts';
import { meanSquaredError, under } from '../nn/index.ts';
import { mul } from '../ops/index.ts';
import { scalar } from '../runtime/index.ts';
import { createRuntime } from '../runtime/node/index.ts';
import { applyRules, constant, type Optimizer, oneCycle, optimizers, stepDecay } from './index.ts';

const { tensors, metadata } = golden('optim');

/** One step of an optimizer on the parameters, gradients fed. */
function stepGraph(optimizer: Optimizer, shapes: Record<string, readonly number[]>): Record<string, Value> {
  const scalars = Object.fromEntries(
    ['learningRate', ...Object.keys(optimizer.scalars(1))].map((name) => [name, input(name, 'f32', [])]),
  ) as { learningRate: Value } & Record<string, Value>;
  const outputs: Record<string, Value> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(`${slot}/${name}`, 'f32', shape)]));
    const updated = optimizer.update(input(name, 'f32', shape), input(`g/${name}`, 'f32', shape), slots, scalars, {
      rate: 1,
    });
    outputs[name] = updated.parameter;
    for (const [slot, value] of Object.entries(updated.slots)) outputs[`${slot}/${name}`] = value;
  }
  return outputs;
}

describe('optimizers equal PyTorch over ten steps', () => {
  const table = JSON.parse(metadata.optimizers!) as Record<string, { kind: string; learningRate: number }>;
  test.each(Object.entries(table))('%s', async (name, { kind, learningRate, ...options }) => {
    const optimizer = optimizers[kind as keyof typeof optimizers](options);
    const program = await createRuntime({ cache: null, threads: 1 }).compile(
      stepGraph(optimizer, { a: tensors['init/a']!.shape, b: tensors['init/b']!.shape }),
    );
    let state: Record<string, Tensor> = { a: tensors['init/a']!, b: tensors['init/b']! };
    for (const slot of optimizer.slots) {
      for (const p of ['a', 'b']) {
        const { shape } = state[p]!;
        state[`${slot}/${p}`] = { dtype: 'f32', shape, data: new Float32Array(state[p]!.data.length) };
      }
    }
    for (let step = 0; step < 10; step++) {
      const scalars = Object.entries({ learningRate, ...optimizer.scalars(step + 1) });
      state = await program.run({
        ...state,
        'g/a': tensors[`gradient/${step}/a`]!,
        'g/b': tensors[`gradient/${step}/b`]!,
        ...Object.fromEntries(scalars.map(([key, value]) => [key, scalar(value)])),
      });
      for (const p of ['a', 'b']) {
        const expected = tensors[`${name}/${step}/${p}`]!;
        expect(relativeError(state[p]!, expected), `${p} after step ${step + 1}`).toBeLessThan(2e-6);
      }
    }
  });
});

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

test.each([
  ['sgd', { momentum: 0.9 }, 0.05],
  ['sgd', { momentum: 0.9, nesterov: true }, 0.05],
  ['adam', {}, 0.1],
  ['adamw', { weightDecay: 0 }, 0.1],
] as const)('%s %o finds the minimum of a quadratic', async (name, options, learningRate) => {
  const optimizer = optimizers[name](options);
  const [p, target] = [input('p', 'f32', [6]), input('target', 'f32', [6])];
  const [gradient] = grad(mul(meanSquaredError(p, target), 6), [p]);
  const step = Object.fromEntries(
    ['learningRate', ...Object.keys(optimizer.scalars(1))].map((key) => [key, input(key, 'f32', [])]),
  ) as { learningRate: Value } & Record<string, Value>;
  const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(slot, 'f32', [6])]));
  const updated = optimizer.update(p, gradient!, slots, step, { rate: 1 });
  const program = await createRuntime({ cache: null, threads: 1 }).compile({ p: updated.parameter, ...updated.slots });
  const stream = randomStream(3, 'quadratic');
  const goal = Float32Array.from({ length: 6 }, () => stream.normal());
  let state: Record<string, Tensor> = Object.fromEntries(
    ['p', ...optimizer.slots].map((key) => [key, { dtype: 'f32', shape: [6], data: new Float32Array(6) }]),
  );
  for (let i = 1; i <= 400; i++) {
    const scalars = Object.entries({ learningRate, ...optimizer.scalars(i) });
    state = await program.run({
      ...state,
      target: { dtype: 'f32', shape: [6], data: goal },
      ...Object.fromEntries(scalars.map(([key, value]) => [key, scalar(value)])),
    });
  }
  expect(relativeError(state.p!, { dtype: 'f32', shape: [6], data: goal })).toBeLessThan(1e-3);
});

describe('rules', () => {
  const names = ['fc.weight', 'fc1.weight', 'layer1.0.conv1.weight', 'layer10.weight'];
  test('the first rule that matches decides, by dotted path', () => {
    const settings = applyRules(names, [
      [under('fc'), { rate: 1 }],
      [under('layer1'), { rate: 0.1 }],
      [/.*/, null],
    ]);
    expect([...settings.values()]).toEqual([{ rate: 1 }, null, { rate: 0.1 }, null]);
  });
  test('a parameter without a rule and a rule without a parameter are errors', () => {
    expect(() => applyRules(names, [[under('fc'), { rate: 1 }]])).toThrow('no rule matches the parameter fc1.weight');
    expect(() =>
      applyRules(names, [
        [/.*/, null],
        [under('fc'), { rate: 1 }],
      ]),
    ).toThrow('decides about no parameter');
  });
});
