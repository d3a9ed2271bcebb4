import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { reshape } from './nodes.ts';
import { across, exchanged, picked, pixelByPixel, transposedMatmul } from './pixels.ts';

/**
 * The weight gradient as one product per tap, over the pixels that it sees of all images: whole rows, pixel by pixel, where
 * slices of images leave gaps.
 */
export const gatheredWeightGrad: LoweringRule<WeightGradAttributes> = {
  requires: 'fusedMatMul',
  applies: (value, { groups, strides }) =>
    groups === 1 && strides.some((stride) => stride > 1) && value.dtype === 'f32',
  lower: (b, [x, dy], value, { kernel, strides, dilations, pads }) => {
    const [images, gradients] = value.inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
    const count = across((axis) => gradients[axis + 2]!);
    const seen = picked(b, x!, images, { taps: kernel, count, strides, dilations, before: [pads[0], pads[1]] });
    const taps = kernel[0] * kernel[1];
    const pixels = reshape(b, pixelByPixel(b, dy!, gradients), [1, -1, gradients[1]!]);
    const perTap = transposedMatmul(b, pixels, reshape(b, seen, [taps, -1, images[1]!]));
    return reshape(b, exchanged(b, reshape(b, perTap, [taps, -1])), value.shape);
  },
};
