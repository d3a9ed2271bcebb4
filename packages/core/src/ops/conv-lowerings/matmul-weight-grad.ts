import { sizeOf } from '../../base/tensor.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { fastShift } from './fast-shift.ts';
import { reshape, sumBatch, transpose } from './nodes.ts';
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
    const { images, gradients } = shifts(b, x!, dy!, value, attributes, fastShift);
    const stack = (names: readonly string[], channels: number) => {
      const each = names.map((name) => reshape(b, name, [n, groups, channels, -1]));
      return each.length === 1 ? each[0]! : b.emit('Concat', each, { axis: 2 });
    };
    const product = matmulTransposed(b, stack(gradients, outputs), stack(images, perGroup), 4);
    const taps = reshape(b, sumBatch(b, product), [groups, kernel[0], outputs, kernel[1], perGroup]);
    return reshape(b, transpose(b, taps, [0, 2, 4, 1, 3]), value.shape);
  },
};
