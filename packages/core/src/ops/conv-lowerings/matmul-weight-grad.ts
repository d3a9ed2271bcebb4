import { sizeOf } from '../../base/tensor.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { reshape, sumBatch, transpose } from './nodes.ts';
import { across, exchanged, picked, pixelByPixel, transposedMatmul } from './pixels.ts';
import { isShiftable, matmulTransposed, shifts } from './weight-grad.ts';

/**
 * The weight gradient of a grouped convolution as one product of each group: the images, shifted along their rows for
 * each column of the kernel, times the gradients, shifted along their columns for each row. A product for each tap would
 * be thin.
 */
export const stackedMatMul: LoweringRule<WeightGradAttributes> = {
  applies: (value, attributes) => {
    const isGrouped = attributes.groups > 1 && value.shape[1]! > 1;
    return isGrouped && sizeOf(attributes.kernel) > 1 && isShiftable(value, attributes);
  },
  lower: (b, [x, dy], value, attributes) => {
    const { groups, kernel } = attributes;
    const n = value.inputs[0]!.shape[0]!;
    const [outputs, perGroup] = [value.shape[0]! / groups, value.shape[1]!];
    const { images, gradients } = shifts(b, x!, dy!, value, attributes);
    const stack = (names: readonly string[], channels: number) => {
      const each = names.map((name) => reshape(b, name, [n, groups, channels, -1]));
      return each.length === 1 ? each[0]! : b.emit('Concat', each, { axis: 2 });
    };
    const product = matmulTransposed(b, stack(gradients, outputs), stack(images, perGroup), 4);
    const taps = reshape(b, sumBatch(b, product), [groups, kernel[0], outputs, kernel[1], perGroup]);
    return reshape(b, transpose(b, taps, [0, 2, 4, 1, 3]), value.shape);
  },
};

/**
 * One product per tap, over the pixels that it sees of all images, which are copied pixel by pixel: for strides, whose
 * slices of rows leave gaps.
 */
export const gatheredMatMul: LoweringRule<WeightGradAttributes> = {
  requires: 'fusedMatMul',
  applies: (value, { groups, strides }) =>
    groups === 1 && strides.some((stride) => stride > 1) && value.dtype === 'f32',
  lower: (b, [x, dy], value, { kernel, strides, dilations, pads }) => {
    const [images, gradients] = value.inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
    const count = across((axis) => gradients[axis + 2]!);
    const taps = picked(b, x!, images, { taps: kernel, count, strides, dilations, before: [pads[0], pads[1]] });
    const pixels = reshape(b, pixelByPixel(b, dy!, gradients), [1, -1, gradients[1]!]);
    const perTap = transposedMatmul(b, pixels, reshape(b, taps, [kernel[0] * kernel[1], -1, images[1]!]));
    return reshape(b, exchanged(b, reshape(b, perTap, [kernel[0] * kernel[1], -1])), value.shape);
  },
};
