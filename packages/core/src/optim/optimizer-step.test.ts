import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { golden, relativeError } from '../../../../test/golden.ts';
import { f32 } from '../base/tensor.ts';
import { inputsLike } from '../graph/index.ts';
import { State } from '../runtime/index.ts';
import { optimizerStep, optimizers, sgd, updateParameters } from './index.ts';

const { tensors, metadata } = golden('optim');
const later = golden('later-optim');
const references = { ...tensors, ...later.tensors };
const cases: Record<string, { readonly kind: keyof typeof optimizers; readonly learningRate: number }> = {
  ...JSON.parse(metadata.optimizers!),
  ...JSON.parse(later.metadata.optimizers!),
};
const weights = { a: tensors['init/a']!, b: tensors['init/b']! };

test.each(Object.entries(cases))('ten steps of %s, written as a loop, equal PyTorch’s', async (name, each) => {
  const { kind, learningRate, ...options } = each;
  const parameters = inputsLike(weights);
  const gradients = inputsLike({ 'gradient/a': weights.a, 'gradient/b': weights.b });
  const { outputs, slots, feeds } = optimizerStep(optimizers[kind](options), parameters, {
    a: gradients['gradient/a'],
    b: gradients['gradient/b'],
  });
  await using program = await createRuntime({ cache: null, threads: 1 }).compile(outputs);
  const state = new State({ ...weights, ...slots });
  for (let step = 0; step < 10; step++) {
    const given = { 'gradient/a': tensors[`gradient/${step}/a`]!, 'gradient/b': tensors[`gradient/${step}/b`]! };
    await state.step(program, { ...given, ...feeds({ learningRate, step }) });
    for (const parameter of ['a', 'b']) {
      const expected = references[`${name}/${step}/${parameter}`]!;
      expect(relativeError(state.current[parameter]!, expected), `${parameter} after ${step + 1}`).toBeLessThan(2e-6);
    }
  }
});

describe('optimizerStep', () => {
  const parameters = inputsLike({ a: f32([2], [1, 2]), b: f32([2], [3, 4]) });

  test('has outputs for what has a gradient', () => {
    const { outputs, slots } = optimizerStep(sgd(), parameters, { a: parameters.a });
    expect(Object.keys(outputs)).toEqual(['a', 'optimizer/momentum/a']);
    expect(slots).toEqual({ 'optimizer/momentum/a': f32([2], [0, 0]) });
  });

  test('two groups have learning rates of their own', async () => {
    const plain = sgd({ momentum: 0 });
    const one = optimizerStep(plain, parameters, { a: parameters.a });
    const other = optimizerStep(plain, parameters, { b: parameters.b }, { group: 'slow' });
    await using program = await createRuntime({ cache: null, threads: 1 }).compile({
      ...one.outputs,
      ...other.outputs,
    });
    const state = new State({ a: f32([2], [1, 2]), b: f32([2], [3, 4]) });
    await state.step(program, {
      ...one.feeds({ learningRate: 1, step: 0 }),
      ...other.feeds({ learningRate: 0.5, step: 0 }),
    });
    expect(state.current).toEqual({ a: f32([2], [0, 0]), b: f32([2], [1.5, 2]) });
  });

  test('a setting is a factor on the learning rate', async () => {
    const settings = { b: { rate: 0.25 } };
    const { outputs, feeds } = optimizerStep(sgd({ momentum: 0 }), parameters, parameters, { settings });
    await using program = await createRuntime({ cache: null, threads: 1 }).compile(outputs);
    const state = new State({ a: f32([2], [1, 2]), b: f32([2], [4, 8]) });
    await state.step(program, feeds({ learningRate: 1, step: 0 }));
    expect(state.current).toEqual({ a: f32([2], [0, 0]), b: f32([2], [3, 6]) });
  });

  test('a gradient of nothing is a mistake', () => {
    expect(() => optimizerStep(sgd(), parameters, { c: parameters.a })).toThrow('gradient of c, but no such parameter');
    expect(() => updateParameters(parameters, { c: parameters.a }, (p) => p)).toThrow('The parameters are: a, b.');
  });
});

test('updateParameters leaves what has no gradient as it is', () => {
  const parameters = inputsLike({ body: f32([1], [1]), head: f32([1], [1]) });
  const updated = updateParameters(parameters, { body: parameters.head }, (_p, g) => g);
  expect(updated.body).toBe(parameters.head);
  expect(updated.head).toBe(parameters.head);
});
