/*
 * Images that move by some pixels along an axis, for ORT's processor kernels: its `Pad` uses one thread, takes as long for a
 * row of 7 pixels as for one of 50, and five times as long where it crops.
 */
import { f32 } from '../../base/tensor.ts';
import { sliceAxes } from './nodes.ts';
import type { FastShift } from './weight-grad.ts';

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
