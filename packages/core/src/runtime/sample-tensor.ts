import { randomStream } from '../base/random.ts';
import { sizeOf, type Tensor, tensor, zeros } from '../base/tensor.ts';
import type { TensorType } from '../graph/index.ts';

/**
 * Numbers to time with. Zeros would be a special case for the processor; beyond that they do not matter, so a few are
 * repeated.
 */
export function sampleTensor({ dtype, shape }: TensorType): Tensor {
  if (dtype !== 'f32') return zeros(dtype, shape);
  const stream = randomStream(0, 'tuning');
  const pattern = Float32Array.from({ length: Math.min(4096, sizeOf(shape)) }, () => stream.uniform() - 0.5);
  const data = new Float32Array(sizeOf(shape));
  for (let at = 0; at < data.length; at += pattern.length) data.set(pattern.subarray(0, data.length - at), at);
  return tensor('f32', shape, data);
}
