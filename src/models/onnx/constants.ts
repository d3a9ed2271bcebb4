import { type Tensor, tensor } from '../../base/tensor.ts';

/** A tensor of the types that an imported network computes with: f32 for all floats, i64 for all integers, bool. */
export function asOwn(value: Tensor): Tensor {
  const { dtype, shape, data } = value;
  if (dtype === 'f64') return tensor('f32', shape, Float32Array.from(data));
  if (dtype === 'i32' || dtype === 'u8') {
    return tensor(
      'i64',
      shape,
      BigInt64Array.from({ length: data.length }, (_, i) => BigInt(data[i]!)),
    );
  }
  return value;
}
