import { f32, sizeOf } from '../../base/tensor.ts';
import type { WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { reshape, sliceAxes, sumBatch, transpose } from './nodes.ts';
import { type FastShift, isShiftable, matmulTransposed, shifts } from './weight-grad.ts';

/*
 * ORT's `Pad` uses one thread, takes as long for a row of 7 pixels as for one of 50, and five times as long where it crops.
 */

/** The width up to which a product with a matrix of zeros and ones shifts columns in less time. */
const narrow = 16;
/** The pixels of an image up to which rows are cropped and padded by two operators in less time than by one. */
const fewPixels = narrow ** 2;

export const fastShift: FastShift = (b, x, { dtype, shape }, { axis, by, extent }) => {
  const from = shape[axis]!;
  if (by === 0 && extent === from) return x;
  if (axis === 3) {
    if (from > narrow || dtype !== 'f32') return undefined;
    const ones = Array.from({ length: from * extent }, (_, i) =>
      Math.floor(i / extent) === (i % extent) + by ? 1 : 0,
    );
    return b.emit('MatMul', [x, b.constant(f32([from, extent], ones))]);
  }
  const [start, end] = [Math.max(by, 0), Math.min(by + extent, from)];
  if (shape[2]! * shape[3]! > fewPixels || end - start === from) return undefined;
  const rows = sliceAxes(b, x, [axis], [start], [end], [1]);
  const [before, after] = [start - by, by + extent - end];
  return before + after === 0 ? rows : b.emit('Pad', [rows, b.integers([0, 0, before, 0, 0, 0, after, 0])]);
};

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
