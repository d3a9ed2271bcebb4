import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { golden, relativeError } from '../../../../test/golden.ts';
import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { type Tensor, zeros } from '../base/tensor.ts';
import * as entry from '../entries/optim.ts';
import { grad } from '../grad/index.ts';
import { input, print, type Value } from '../graph/index.ts';
import { meanSquaredError } from '../nn/index.ts';
import { mul } from '../ops/index.ts';
import { scalar } from '../runtime/index.ts';
import { type Optimizer, type OptimizerName, optimizerNames, optimizers, type ParameterSetting, sgd } from './index.ts';

const { tensors, metadata } = golden('optim');
const later = golden('later-optim');

/** One step of an optimizer on the parameters, gradients fed. */
function stepGraph(
  optimizer: Optimizer,
  shapes: Record<string, readonly number[]>,
  setting: ParameterSetting = { rate: 1 },
): Record<string, Value> {
  const scalars = Object.fromEntries(
    ['learningRate', ...Object.keys(optimizer.scalars(1))].map((name) => [name, input(name, 'f32', [])]),
  ) as { learningRate: Value } & Record<string, Value>;
  const outputs: Record<string, Value> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(`${slot}/${name}`, 'f32', shape)]));
    const updated = optimizer.update(
      input(name, 'f32', shape),
      input(`g/${name}`, 'f32', shape),
      slots,
      scalars,
      setting,
    );
    outputs[name] = updated.parameter;
    for (const [slot, value] of Object.entries(updated.slots)) outputs[`${slot}/${name}`] = value;
  }
  return outputs;
}

type Options = { readonly kind: string; readonly learningRate: number };
const references = { ...tensors, ...later.tensors };
const cases = { ...JSON.parse(metadata.optimizers!), ...JSON.parse(later.metadata.optimizers!) } as Record<
  string,
  Options
>;

describe('optimizers equal PyTorch’s (LAMB and Lion: timm’s) over ten steps', () => {
  test('every one has a case', () => {
    expect(new Set(Object.values(cases).map(({ kind }) => kind))).toEqual(new Set(Object.keys(optimizers)));
  });
  test.each(Object.entries(cases))('%s', async (name, { kind, learningRate, ...options }) => {
    const optimizer = optimizers[kind as OptimizerName](options);
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
        const expected = references[`${name}/${step}/${p}`]!;
        expect(relativeError(state[p]!, expected), `${p} after step ${step + 1}`).toBeLessThan(2e-6);
      }
    }
  });
});

test.each(optimizerNames)('%s takes a parameter’s own factors', async (name) => {
  const step = async (weightDecay: number, learningRate: number, setting: ParameterSetting) => {
    const optimizer = optimizers[name]({ weightDecay });
    const graph = stepGraph(optimizer, { a: tensors['init/a']!.shape }, setting);
    const slots = optimizer.slots.map((slot) => [`${slot}/a`, zeros('f32', tensors['init/a']!.shape)]);
    const scalars = Object.entries({ learningRate, ...optimizer.scalars(1) }).map(([key, x]) => [key, scalar(x)]);
    const program = await createRuntime({ cache: null, threads: 1 }).compile(graph);
    const feeds = { a: tensors['init/a']!, 'g/a': tensors['gradient/0/a']!, ...Object.fromEntries(scalars) };
    return (await program.run({ ...feeds, ...Object.fromEntries(slots) })).a!;
  };
  const expected = await step(0.25, 0.0625, { rate: 1 });
  expect(relativeError(await step(0.5, 0.125, { rate: 0.5, weightDecay: 0.5 }), expected)).toBeLessThan(1e-6);
  expect(await step(0.5, 0.125, { rate: 1, weightDecay: 0 })).toEqual(await step(0, 0.125, { rate: 1 }));
});

describe.each(optimizerNames)('%s', (name) => {
  const { options } = optimizers[name];
  const create: (options?: object) => Optimizer = optimizers[name];
  /** Everything that decides about a step. */
  const described = (optimizer: Optimizer) => ({
    slots: optimizer.slots,
    scalars: optimizer.scalars(3),
    graph: print(stepGraph(optimizer, { p: [2] })),
  });

  test('has its defaults', () => {
    expect(create().name).toBe(name);
    expect(described(create(options))).toEqual(described(create()));
  });
  test.each(Object.entries(options))('has an option %s that it looks at', (option, usual: number | boolean) => {
    const other = typeof usual === 'boolean' ? !usual : usual === 0 ? 0.5 : usual / 2;
    expect(described(create({ [option]: other }))).not.toEqual(described(create()));
  });
});

test('every optimizer is public under its name', () => {
  expect(entry).toMatchObject(optimizers);
});

test.each([
  [{ learningRate: '0.1' }, 'learningRate: expected a number, received "0.1".'],
  [{ momentum: null }, 'momentum: expected a number, received null.'],
  [{ nesterov: 1 }, 'nesterov: expected true or false, received 1.'],
  [{ rates: 0.1 }, 'rates: expected learning rates by pattern, received 0.1.'],
  [
    { momentun: 0.5 },
    'momentun: sgd has no such option. Did you mean "momentum"? Expected one of: momentum, nesterov,',
  ],
  [{ beta1: 0.5 }, 'beta1: sgd has no such option. Expected one of: momentum, nesterov, weightDecay, learningRate,'],
  [0.1, 'options of sgd: expected an object, received 0.1.'],
  [null, 'options of sgd: expected an object, received null.'],
])('sgd(%o), as JavaScript may call it, says what is wrong', (options, message) => {
  const create: (options: never) => Optimizer = sgd;
  expect(() => create(options as never)).toThrow(OptionError);
  expect(() => create(options as never)).toThrow(message);
});

test('an option that is undefined has its default', () => {
  const options = { momentum: undefined, centered: false };
  expect(print(stepGraph(sgd(options), { p: [2] }))).toBe(print(stepGraph(sgd(), { p: [2] })));
});

test('the scalars of every optimizer are numbers at every step', () => {
  for (const optimizer of optimizerNames.map((name) => optimizers[name]())) {
    for (const step of [1, 2, 10, 1000, 10_000_000]) {
      for (const [name, value] of Object.entries(optimizer.scalars(step))) {
        expect(Number.isFinite(value), `${optimizer.name}: ${name} of step ${step}`).toBe(true);
      }
    }
  }
});

test.each([
  ['sgd', { momentum: 0.9 }, 0.05],
  ['sgd', { momentum: 0.9, nesterov: true }, 0.05],
  ['adam', {}, 0.1],
  ['adamw', { weightDecay: 0 }, 0.1],
  ['nadam', {}, 0.1],
  ['radam', {}, 0.1],
  ['rmsprop', { centered: true }, 0.01],
  ['adagrad', {}, 1],
] as const)('%s %o finds the minimum of a quadratic', async (name, options, learningRate) => {
  const optimizer = optimizers[name](options);
  const p = input('p', 'f32', [6]);
  const target = input('target', 'f32', [6]);
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
