import { constant, input } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, type Shape, sizeOf, type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { encode, type TensorFields } from '@graft-ml/core/internal/graph/index';
import { tensorField } from '@graft-ml/core/internal/graph/onnx-wire';
import { add, conv2d, gather, matmul, mul, reshape, transpose } from '@graft-ml/core/ops';
import { afterAll, expect, test } from 'vitest';
import { constantsInPlace } from './constants-in-place.ts';
import { createRuntime } from './create.ts';

const stream = randomStream(0, 'constants in place');
const random = (...shape: Shape): Tensor =>
  f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => stream.normal()),
  );

/** What kernels read as it is (sums, products, rows) and what they lay out anew (a convolution, a product of matrices). */
const constants = {
  kernel: random(64, 16, 3, 3),
  weight: random(64, 256),
  offset: random(64, 16, 16),
  scale: random(64, 16, 16),
  table: random(256, 64),
};
const images = input('images', 'f32', [2, 16, 16, 16]);
const index = input('index', 'i64', [3]);

function outputs() {
  const { kernel, weight, offset, scale, table } = Object.fromEntries(
    Object.entries(constants).map(([name, value]) => [name, constant(value)]),
  );
  const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;
  const features = mul(add(conv2d(images, kernel!, geometry), offset!), scale!);
  const product = matmul(reshape(features, [128, 256]), transpose(weight!, [1, 0]));
  return { product, rows: gather(table!, index) };
}

const feeds = {
  images: random(2, 16, 16, 16),
  index: { dtype: 'i64', shape: [3], data: BigInt64Array.of(7n, 0n, 255n) },
} as const;
const runtime = createRuntime({ threads: 1, cache: null });
const program = await runtime.compile(outputs());
afterAll(() => program.release());

test('a program computes what it does with its constants in its model, and does not read them any more when it runs', async () => {
  const graph = await runtime.encode(outputs());
  const session = await runtime.backend.load(graph.model);
  const expected = { product: zeros('f32', [128, 64]), rows: zeros('f32', [3, 64]) };
  const wrapped = (tensors: Readonly<Record<string, Tensor>>, prefix = '') =>
    Object.fromEntries(Object.entries(tensors).map(([name, value]) => [prefix + name, runtime.backend.wrap(value)]));
  await session.run(wrapped(feeds), wrapped(expected, 'out/'));
  await session.release();
  for (const { data } of Object.values(constants)) (data as Float32Array).fill(0);
  const results = await program.run(feeds);
  expect(results).toEqual(expected);
  expect(new Set([...results.product!.data].map(Number)).size).toBeGreaterThan(1000);
});

test('a model has the small ones, and of the large ones no number', () => {
  const { writeTensor } = constantsInPlace(async () => {
    throw new Error('not opened here');
  });
  const written: TensorFields[] = [];
  const own = (fields: TensorFields) => {
    written.push(fields);
    return writeTensor(fields);
  };
  const whole = encode(outputs()).model.length;
  const { model } = encode(outputs(), { writeTensor: own });
  const large = written.filter(({ bytes }) => bytes.length >= 2 ** 14);
  expect(large).toHaveLength(5);
  expect(written.length).toBeGreaterThan(5);
  const numbers = large.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(whole - model.length).toBeGreaterThan(numbers - 100 * large.length);
  for (const fields of written.filter((each) => !large.includes(each))) {
    expect(writeTensor(fields)).toEqual(tensorField(fields));
  }
});
