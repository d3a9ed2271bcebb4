import { f32 } from '../../base/tensor.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { croppedInput, reshape, sumBatch } from './nodes.ts';
import { matmulTransposed } from './weight-grad.ts';

/** Numbers under a kernel up to which it may take less time to multiply them with zeros than to copy them by slices. */
const most = 64;

/**
 * The weight gradient as one product with all taps side by side, as `patches`, for a first layer: what a tap sees is copied by
 * a convolution whose kernel has a single one, which ORT does with all threads. Slices with gaps have one.
 */
export const convolvedPatches: LoweringRule<WeightGradAttributes> = {
  requires: 'fusedMatMul',
  applies: ({ shape, dtype }, { groups }) =>
    groups === 1 && dtype === 'f32' && shape[2]! * shape[3]! > 1 && shape[1]! * shape[2]! * shape[3]! <= most,
  lower: (b, [x, dy], value, attributes) => {
    const [images, gradients] = value.inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
    const { strides, dilations, kernel } = attributes;
    const { input, pads } = croppedInput(b, x!, value, attributes);
    const count = images[1]! * kernel[0] * kernel[1];
    const ones = Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
    const copying = b.constant(f32([count, images[1]!, ...kernel], ones));
    const columns = b.emit('Conv', [input, copying], { strides, dilations, pads });
    const [left, right] = [
      reshape(b, dy!, [...gradients.slice(0, 2), -1]),
      reshape(b, columns, [images[0]!, count, -1]),
    ];
    return reshape(b, sumBatch(b, matmulTransposed(b, left, right, 3)), value.shape);
  },
};
