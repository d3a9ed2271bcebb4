import { describe, expect, test } from 'vitest';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { ShapeError, UserError } from '../base/errors.ts';
import { f32, zeros } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { constant, input, inputsLike, type Value } from '../graph/index.ts';
import { mul, reduceSum, relu, square, sub } from '../ops/index.ts';
import {
  batchNorm,
  drawNoise,
  dropout,
  functionalCall,
  functionalCallWithState,
  initialBuffers,
  initialParameters,
  linear,
  type Scope,
} from './index.ts';

const x = constant(gaussian([5, 3], 'x'));
const network = (s: Scope, inputs: Value) =>
  linear(s.at('head'), relu(linear(s.at('body'), inputs, { features: 4 })), { features: 2 });
const normalised = (s: Scope, inputs: Value) => batchNorm(s.at('bn'), linear(s.at('body'), inputs, { features: 4 }));

describe('functionalCall', () => {
  test('computes the network with the values that it is given', async () => {
    const weights = {
      'body.weight': gaussian([4, 3], 'w'),
      'body.bias': gaussian([4], 'b'),
      'head.weight': gaussian([2, 4], 'v'),
      'head.bias': gaussian([2], 'c'),
    };
    const { y } = await evaluate({ y: functionalCall(network, inputsLike(weights), x) }, weights);
    const [w, b, v, c] = Object.values(weights).map((value) => [...value.data]);
    const expected = [0, 1, 2, 3, 4].flatMap((n) => {
      const row = [...gaussian([5, 3], 'x').data].slice(3 * n, 3 * n + 3);
      const dot = (matrix: number[], at: number, vector: number[]) =>
        vector.reduce((sum, value, i) => sum + matrix[at * vector.length + i]! * value, 0);
      const hidden = [0, 1, 2, 3].map((i) => Math.max(0, dot(w!, i, row) + b![i]!));
      return [0, 1].map((i) => dot(v!, i, hidden) + c![i]!);
    });
    numbers(y).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  });

  test('is differentiated with respect to a record, twice', async () => {
    // y = w·x with one weight: L = Σ(w·x)², dL/dw = 2·w·Σx². After w' = w - r·dL/dw: dL(w')/dw = 2·w'·Σx²·(1 -
    // 2·r·Σx²).
    const one = (s: Scope, inputs: Value) =>
      mul(
        s.param('weight', [], () => new Float32Array(1)),
        inputs,
      );
    const points = constant(f32([3], [1, 2, -1]));
    const lossOf = (parameters: Record<string, Value>) => reduceSum(square(functionalCall(one, parameters, points)));
    const start = { weight: input('weight', 'f32', []) };
    const inner = grad(lossOf(start), start);
    const outer = grad(lossOf({ weight: sub(start.weight, mul(inner.weight, 0.1)) }), start);
    const results = await evaluate({ inner: inner.weight, outer: outer.weight }, { weight: f32([], [0.5]) });
    expect(numbers(results.inner)[0]).toBeCloseTo(6, 5);
    expect(numbers(results.outer)[0]).toBeCloseTo(2 * (0.5 - 0.6) * 6 * (1 - 1.2), 5);
  });

  test('says which parameter has no value, and which name is near', () => {
    const weights = initialParameters(network, x);
    const { 'head.bias': bias, ...others } = inputsLike(weights);
    expect(() => functionalCall(network, others, x)).toThrow(UserError);
    expect(() => functionalCall(network, { ...others, 'haed.bias': bias! }, x)).toThrow(
      'there is no value for the parameter head.bias (f32[2]). Did you mean "haed.bias"?',
    );
  });

  test('says which value has another type', () => {
    const wrong = inputsLike({ ...initialParameters(network, x), 'head.bias': zeros('f32', [3]) });
    expect(() => functionalCall(network, wrong, x)).toThrow(ShapeError);
    expect(() => functionalCall(network, wrong, x)).toThrow('expected f32[2], received f32[3] at head.bias');
  });

  test('passes over values that the network does not ask for', () => {
    const values = inputsLike({ ...initialParameters(network, x), temperature: f32([], [1]) });
    expect(functionalCall(network, values, x).shape).toEqual([5, 2]);
  });

  test('takes no dropout that nobody would feed', () => {
    const dropping = (s: Scope, inputs: Value) => dropout(s.at('drop'), inputs, 0.5);
    expect(functionalCall(dropping, {}, x)).toBe(x);
    expect(() => functionalCall(dropping, {}, x, { training: true })).toThrow('Use functionalCallWithState');
  });
});

describe('functionalCallWithState', () => {
  test('gives the new running statistics', async () => {
    const weights = initialParameters(normalised, x);
    const buffers = initialBuffers(normalised, x);
    expect(Object.keys(weights)).toEqual(['body.weight', 'body.bias', 'bn.weight', 'bn.bias']);
    expect(Object.keys(buffers)).toEqual(['bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked']);
    const values = inputsLike({ ...weights, ...buffers });
    const result = functionalCallWithState(normalised, values, x, { training: true });
    const results = await evaluate({ ...result.buffers, y: result.output }, { ...weights, ...buffers });
    expect(numbers(results['bn.num_batches_tracked'])).toEqual([1]);
    const hidden = await evaluate(
      { y: functionalCall((s, i) => linear(s.at('body'), i, { features: 4 }), values, x) },
      weights,
    );
    const column = [0, 1, 2, 3, 4].map((n) => numbers(hidden.y)[4 * n]!);
    expect(numbers(results['bn.running_mean'])[0]).toBeCloseTo(0.1 * (column.reduce((a, b) => a + b, 0) / 5), 6);
  });

  test('gives the masks of dropout, which drawNoise draws', async () => {
    const dropping = (s: Scope, inputs: Value) => dropout(s.at('drop'), inputs, 0.5);
    const ones = constant(f32([2, 8], new Array<number>(16).fill(1)));
    const { output, noise } = functionalCallWithState(dropping, {}, ones, { training: true });
    const masks = drawNoise(noise, 3, 0);
    const { y } = await evaluate({ y: output }, masks);
    expect(numbers(y)).toEqual([...masks['drop.mask']!.data].map((kept) => 2 * Number(kept)));
  });

  test('needs no buffers that nothing looks at', async () => {
    const weights = initialParameters(normalised, x);
    const y = functionalCall(normalised, inputsLike(weights), x, { batchNorm: 'batch' });
    const { sum } = await evaluate({ sum: reduceSum(y) }, weights);
    expect(numbers(sum)[0]).toBeCloseTo(0, 4);
    const running = functionalCall(normalised, inputsLike(weights), x);
    await expect(evaluate({ running }, weights)).rejects.toThrow('bn.running_');
  });
});

test('another head changes no first value of the body', () => {
  const wider = (s: Scope, inputs: Value) =>
    linear(s.at('head'), relu(linear(s.at('body'), inputs, { features: 4 })), { features: 7 });
  const [a, b] = [network, wider].map((each) => initialParameters(each, x, { seed: 5 }));
  expect(a!['body.weight']).toEqual(b!['body.weight']);
  expect(a!['head.weight']!.shape).toEqual([2, 4]);
  expect(b!['head.weight']!.shape).toEqual([7, 4]);
});
