import { type Shape, sizeOf, type TensorOf, tensor } from '@graft-ml/core/internal/base/tensor';

/** The FNV-1a hash of a name. */
function hashOf(name: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619);
  return hash;
}

/** The i-th of a stream of numbers in [0, 1): a hash (lowbias32, by C. Wellons). */
function uniform(seed: number, i: number): number {
  let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * A tensor of such a size that a network of them neither dies out nor grows. Made of nothing but its name, in the same
 * way as by golden/timm_logits.py, so that whole networks can be compared without a file of their weights.
 */
export function madeTensor(name: string, shape: Shape): TensorOf<'f32'> {
  const isScale = /(running_var|gamma)$/.test(name) || (shape.length === 1 && name.endsWith('weight'));
  const side = name.endsWith('weight') ? Math.sqrt(6 / sizeOf(shape.slice(1))) : 1;
  const around = shape.length === 1 ? (u: number) => 0.2 * (u - 0.5) : (u: number) => 2 * (u - 0.5) * side;
  const value = isScale ? (u: number) => 0.7 + 0.6 * u : around;
  const seed = hashOf(name);
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(uniform(seed, i));
  return tensor('f32', shape, data);
}
