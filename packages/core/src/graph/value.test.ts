import { expect, test } from 'vitest';
import { f32, i64 } from '../base/tensor.ts';
import { add, exp, mul, neg, reduceSum, transpose } from '../ops/index.ts';
import { constant, constantTensor, input, inputName, print, reachable, typecheck, type Value } from './index.ts';

test('reachable: each value once, after its inputs, in the order of the outputs', () => {
  const a = input('a', 'f32', [2]);
  const b = input('b', 'f32', [2]);
  const sum = add(a, b);
  const left = exp(sum);
  const right = neg(sum);
  const product = mul(left, right);
  expect(reachable([product])).toEqual([a, b, sum, left, right, product]);
  expect(reachable([right, product])).toEqual([a, b, sum, right, left, product]);
});

test('what no output needs is not in the graph', () => {
  const a = input('a', 'f32', [2]);
  const b = input('b', 'f32', [2]);
  const used = exp(a);
  const unused = mul(a, b);
  expect(reachable([used])).toEqual([a, used]);
  expect(print({ y: used })).not.toContain('b');
  expect(unused.inputs).toEqual([a, b]);
});

test('a chain 100,000 deep does not overflow the stack', () => {
  const depth = 100_000;
  const x = input('x', 'f32', []);
  let y: Value = x;
  for (let i = 0; i < depth; i++) y = add(y, y);
  const order = reachable([y]);
  expect(order.length).toBe(depth + 1);
  expect([order[0], order.at(-1)]).toEqual([x, y]);
  typecheck([y]);
}, 20_000);

test('a value is frozen, and a leaf knows what it is', () => {
  const x = input('x', 'i64', [3]);
  const c = constant(f32([], [2]));
  expect(() => Object.assign(x, { shape: [4] })).toThrow(TypeError);
  expect([inputName(x), inputName(c), inputName(exp(c))]).toEqual(['x', undefined, undefined]);
  expect([constantTensor(x), constantTensor(c)]).toEqual([undefined, f32([], [2])]);
});

test('print', () => {
  const x = input('x', 'f32', [2, 3]);
  const w = input('w', 'f32', [3]);
  const y = reduceSum(add(mul(x, w), 0.5), [1], true);
  const indices = constant(i64([5], [0, 1, 2, 3, 4]));
  expect(print({ y, turned: transpose(x, [1, 0]), indices, w })).toBe(
    `graph(x : f32[2,3], w : f32[3]) {
  %2 = Mul(x, w) : f32[2,3]
  %3 = Constant [0.5] : f32[]
  %4 = Add(%2, %3) : f32[2,3]
  %5 = ReduceSum(%4) {axes: [1], keepDims: true} : f32[2,1]
  %6 = Transpose(x) {axes: [1,0]} : f32[3,2]
  %7 = Constant […] : i64[5]
  return y = %5, turned = %6, indices = %7, w = w
}`,
  );
});

test.each([
  ['shape', { shape: [3] }, 'Exp: expected f32[2], received f32[3].'],
  ['type', { dtype: 'f64' }, 'Exp: expected f32[2], received f64[2].'],
] as const)('typecheck finds a value with the wrong %s, below an output too', (_name, wrong, message) => {
  const y: Value = { ...exp(input('x', 'f32', [2])), ...wrong };
  expect(() => typecheck([y])).toThrow(message);
  expect(() => typecheck([neg(y)])).toThrow(message);
});
