import { describe, expect, test } from 'vitest';
import { bytesPerElement, type DType, f32, formatType, i64, isTensor, sizeOf, tensor, zeros } from './tensor.ts';

const dtypes: readonly DType[] = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'];

test.each([
  [[], 1],
  [[3], 3],
  [[2, 3, 4], 24],
  [[2, 0, 4], 0],
])('sizeOf %j is %i', (shape, size) => {
  expect(sizeOf(shape)).toBe(size);
});

test.each(dtypes)('zeros of %s', (dtype) => {
  const { data, shape } = zeros(dtype, [2, 3]);
  expect([shape, data.length, data.BYTES_PER_ELEMENT]).toEqual([[2, 3], 6, bytesPerElement[dtype]]);
  expect(Array.from<number | bigint, number>(data, Number)).toEqual([0, 0, 0, 0, 0, 0]);
});

describe('data that does not fill the shape is refused with both sides', () => {
  test.each([
    ['too few', () => f32([2, 3], [1, 2, 3, 4, 5]), 'tensor: 5 elements do not fill f32[2,3]'],
    ['too many', () => i64([2], [1, 2, 3]), 'tensor: 3 elements do not fill i64[2]'],
    ['none for a scalar', () => tensor('u8', [], new Uint8Array()), 'tensor: 0 elements do not fill u8[]'],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(new RangeError(message));
  });
});

test('a tensor is over the data it was given, not a copy', () => {
  const data = Float32Array.of(1, 2);
  expect(tensor('f32', [2], data).data).toBe(data);
});

test('i64 keeps every safe integer', () => {
  const values = [0, -1, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  expect(Array.from(i64([5], values).data, Number)).toEqual(values);
});

test('formatType', () => {
  expect([formatType(f32([], [0])), formatType(zeros('i64', [8, 64]))]).toEqual(['f32[]', 'i64[8,64]']);
});

test.each([
  ['no values', () => f32([1, 2] as const, undefined as never)],
  ['no shape', () => f32(3 as never, [1, 2, 3])],
])('f32 with %s says how it is called', (_name, make) => {
  expect(make).toThrow('f32: expected a shape and the numbers in row-major order, f32([2, 3], [1, 2, 3, 4, 5, 6])');
});

test('isTensor knows tensors from what resembles them', () => {
  expect([f32([2, 1], [0, 1]), zeros('i64', []), tensor('bool', [2], Uint8Array.of(0, 1))].map(isTensor)).toEqual([
    true,
    true,
    true,
  ]);
  const wrong = [null, [1, 2], new Float32Array(2), { dtype: 'f32', shape: [2], data: [0, 1] }];
  const nearly = [
    { dtype: 'float32', shape: [2], data: new Float32Array(2) },
    { dtype: 'f32', shape: [3], data: new Float32Array(2) },
    { dtype: 'f32', shape: 2, data: new Float32Array(2) },
  ];
  expect([...wrong, ...nearly].map(isTensor)).toEqual(new Array(7).fill(false));
});
