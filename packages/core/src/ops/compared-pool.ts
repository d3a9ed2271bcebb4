import { f32, i64, sizeOf } from '../base/tensor.ts';
import { dataType } from '../graph/index.ts';
import { sliceAxes } from './conv-lowerings/nodes.ts';
import { addLowerings } from './define.ts';
import { maxPoolIndicesOp, onnxAttributes } from './pool.ts';

/** Whole numbers up to this are exact in f32. */
const exact = 2 ** 24;

/** Pixels of a window. Of more, pooling the parts takes longer than the branches: 84 beside 17 ms for 4x4. */
const most = 9;

/**
 * ORT's max-pool has vector instructions only where it gives no indices; where it does, it branches at every pixel, which
 * no processor foresees. Where windows do not overlap, indices are found by comparison: the maximum of a window lies behind
 * its first pixels where it is greater than theirs, which are pooled by themselves.
 */
export function addComparedPooling(): void {
  addLowerings(maxPoolIndicesOp, {
    compared: {
      applies: ({ inputs: [x] }, { kernel, strides, pads, dilations }) =>
        x!.dtype === 'f32' &&
        [...dilations, ...pads.map((p) => p + 1)].every((d) => d === 1) &&
        kernel.every((k, i) => k <= strides[i]!) &&
        sizeOf(kernel) > 1 &&
        sizeOf(kernel) <= most &&
        sizeOf(x!.shape.slice(2)) <= exact,
      lower: (b, [x], { inputs, shape }, geometry) => {
        const { strides, kernel } = geometry;
        const [high, wide] = kernel as [number, number];
        const [n, channels, height, width] = inputs[0]!.shape as [number, number, number, number];
        // Parts of windows find room for one more where a row is left over.
        const [bottom, right] = shape.slice(2).map((count, i) => count * strides[i]!) as [number, number];
        const isCropped = bottom < height || right < width;
        const images = isCropped ? sliceAxes(b, x!, [2, 3], [0, 0], [bottom, right], [1, 1]) : x!;
        const pool = (from: string, part: readonly number[]) =>
          b.emit('MaxPool', [from], { ...onnxAttributes(geometry), kernel_shape: part });
        const maxima = pool(x!, kernel);
        /** Whether the maximum is in none of the first rows and columns of its window. */
        const isBeyond = (rows: number, columns: number) => b.emit('Greater', [maxima, pool(images, [rows, columns])]);
        const scaled = (mask: string, by: number) => {
          const number = b.emit('Cast', [mask], { to: dataType.f32 });
          return by === 1 ? number : b.emit('Mul', [number, b.constant(f32([], [by]))]);
        };
        const steps: string[] = [];
        let isBelow: string | undefined;
        for (let row = 0; row < high; row++) {
          for (let column = 0; column + 1 < wide; column++) {
            const isPast = isBeyond(row + 1, column + 1);
            steps.push(scaled(isBelow === undefined ? isPast : b.emit('And', [isPast, isBelow]), 1));
          }
          if (row + 1 === high) break;
          isBelow = isBeyond(row + 1, wide);
          steps.push(scaled(isBelow, width - (wide - 1)));
        }
        const corners = Array.from({ length: sizeOf(shape.slice(2)) }, (_, i) => {
          const [row, column] = [Math.floor(i / shape[3]!), i % shape[3]!];
          return row * strides[0]! * width + column * strides[1]!;
        });
        const start = b.constant(f32([1, 1, ...shape.slice(2)], corners));
        const position = steps.reduce((sum, step) => b.emit('Add', [sum, step]), start);
        const starts = Array.from({ length: n * channels }, (_, image) => image * height * width);
        return b.emit('Add', [
          b.emit('Cast', [position], { to: dataType.i64 }),
          b.constant(i64([n, channels, 1, 1], starts)),
        ]);
      },
    },
  });
}
