import { constant, input, type Value } from '@graft-ml/core/graph';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { decode, encode, type Features } from '@graft-ml/core/internal/graph/index';
import { add, matmul, transpose } from '@graft-ml/core/ops';
import { expect, test } from 'vitest';
import { createRuntime } from './create.ts';

const runtime = createRuntime({ threads: 1, cache: null });
const weight = constant(f32([2, 3], [1, 2, 3, 4, 5, 6]));
const x = input('x', 'f32', [1, 2, 3]);
const transposed = transpose(weight, [1, 0]);

const operators = (outputs: Readonly<Record<string, Value>>, features?: Features) =>
  decode(encode(outputs, { features: features ?? new Set() }).model).nodes.map(({ operator }) => operator);

test('a product with a transposed constant reads the constant as it is', async () => {
  const product = matmul(x, transposed);
  expect(operators({ product }, await runtime.backend.features())).toEqual(['FusedMatMul']);
  const program = await runtime.compile({ product });
  const results = await program.run({ x: f32([1, 2, 3], [1, 0, -1, 0, 1, 0]) });
  expect(results.product).toEqual(f32([1, 2, 2], [-2, -2, 2, 5]));
  await program.release();
});

test('models for any runtime have standard operators', () => {
  expect(operators({ product: matmul(x, transposed) })).toEqual(['Transpose', 'MatMul']);
});

test('the transpose stays where something else reads it, and where the constant may change', async () => {
  const features = await runtime.backend.features();
  const both = { product: matmul(x, transposed), sum: add(transposed, constant(f32([3, 1], [1, 2, 3]))) };
  expect(operators(both, features)).toEqual(['Transpose', 'FusedMatMul', 'Add']);
  const fed = { product: matmul(x, transpose(input('w', 'f32', [2, 3]), [1, 0])) };
  expect(operators(fed, features)).toEqual(['Transpose', 'MatMul']);
});
