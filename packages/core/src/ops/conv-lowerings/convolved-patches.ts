import { f32 } from '../../base/tensor.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { croppedInput, reshape, sumBatch, transpose } from './nodes.ts';
import { matmulTransposed } from './weight-grad.ts';

/** Numbers under a row of a kernel up to which it takes less time to multiply them with zeros than to copy them by slices. */
const most = 64;

/**
 * The weight gradient as one product with all taps side by side, as `patches`, for a first layer, whose taps are copied with
 * all threads. What the columns of a kernel see is copied by a convolution, whose kernels have a single one: slices with
 * gaps have one thread. Of that, what its rows see are whole rows, which are gathered.
 */
export const convolvedPatches: LoweringRule<WeightGradAttributes> = {
  requires: 'fusedMatMul',
  applies: ({ shape, dtype }, { groups }) =>
    groups === 1 && dtype === 'f32' && shape[2]! * shape[3]! > 1 && shape[1]! * shape[3]! <= most,
  lower: (b, [x, dy], value, attributes) => {
    const [images, gradients] = value.inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
    const [n, channels] = images as [number, number];
    const [, outputs, height] = gradients as [number, number, number];
    const { strides, dilations, kernel } = attributes;
    const [kh, kw] = kernel;
    const { input, pads } = croppedInput(b, x!, value, attributes);
    const count = channels * kw;
    const ones = Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
    const columns = b.emit('Conv', [input, b.constant(f32([count, channels, 1, kw], ones))], {
      strides: [1, strides[1]],
      dilations: [1, dilations[1]],
      pads,
    });
    const seen = Array.from({ length: kh }, (_, i) =>
      Array.from({ length: height }, (_, y) => i * dilations[0] + y * strides[0]),
    );
    const rows = b.emit('Gather', [columns, b.integers(seen.flat())], { axis: 2 });
    const [left, right] = [reshape(b, dy!, [n, outputs, -1]), reshape(b, rows, [n, count * kh, -1])];
    const product = sumBatch(b, matmulTransposed(b, left, right, 3));
    return transpose(b, reshape(b, product, [outputs, channels, kw, kh]), [0, 1, 3, 2]);
  },
};
