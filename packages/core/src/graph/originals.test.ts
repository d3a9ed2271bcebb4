import { expect, test } from 'vitest';
import { f32 } from '../base/tensor.ts';
import { add, exp, mul } from '../ops/index.ts';
import { constant, input, originals, reachable } from './index.ts';

test('the same from the same is the first of it, however deep; another attribute, constant or order is another', () => {
  const x = input('x', 'f32', [2]);
  const y = input('y', 'f32', [2]);
  const first = exp(mul(add(x, y), 2));
  const twin = exp(mul(add(x, y), 2));
  const others = [exp(mul(add(y, x), 2)), exp(mul(add(x, y), 3)), exp(mul(add(x, y), constant(f32([2], [2, 2]))))];
  const found = originals(reachable([first, twin, ...others]));
  expect(found.get(twin)).toBe(first);
  expect(found.get(twin.inputs[0]!)).toBe(first.inputs[0]);
  for (const other of others) expect(found.get(other)).toBe(other);
  expect(found.get(others[1]!.inputs[0]!.inputs[0]!)).toBe(first.inputs[0]!.inputs[0]);
});
