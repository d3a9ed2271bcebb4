import { type DType, type Shape, type Tensor, tensor } from '../../base/tensor.ts';

const converted = new WeakMap<Tensor, Tensor>();

/**
 * A tensor of the types that an imported network computes with: f32 for all floats, i64 for all integers, bool.
 * Converted once, however many nodes ask for it.
 */
export function asOwn(value: Tensor): Tensor {
  const known = converted.get(value) ?? convert(value);
  converted.set(value, known);
  return known;
}

function convert(value: Tensor): Tensor {
  const { dtype, shape, data } = value;
  if (dtype === 'f64') return tensor('f32', shape, Float32Array.from(data));
  if (dtype !== 'i32' && dtype !== 'u8') return value;
  const integers = new BigInt64Array(data.length);
  for (let i = 0; i < data.length; i++) integers[i] = BigInt(data[i]!);
  return tensor('i64', shape, integers);
}

/** A tensor from plain numbers: truncated for integers, and where they are beyond 2⁵³, the nearest of those. */
export function tensorOf(dtype: DType, shape: Shape, numbers: readonly number[]): Tensor {
  const bounded = (x: number) => Math.trunc(Math.max(-(2 ** 53), Math.min(2 ** 53, Number.isNaN(x) ? 0 : x)));
  if (dtype === 'i64')
    return tensor(
      'i64',
      shape,
      BigInt64Array.from(numbers, (x) => BigInt(bounded(x))),
    );
  if (dtype === 'bool')
    return tensor(
      'bool',
      shape,
      Uint8Array.from(numbers, (x) => Number(x !== 0)),
    );
  return tensor('f32', shape, Float32Array.from(numbers));
}
