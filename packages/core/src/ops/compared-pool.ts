import { f32, i64, sizeOf } from '../base/tensor.ts';
import { dataType } from '../graph/index.ts';
import { addLowerings } from './define.ts';
import { maxPoolIndicesOp, onnxAttributes } from './pool.ts';

/** Whole numbers up to this are exact in f32. */
const exact = 2 ** 24;

/**
 * ORT's max-pool has vector instructions only where it gives no indices. Where windows tile the image, they are found
 * by comparison: each maximum is repeated over its window, what equals it is marked with its distance from the image's
 * end, and a second max-pool takes the mark of the first. The repetition is a product of each row with a matrix of zeros
 * and ones, which is exact for finite numbers; a window with others than those gives some index of its image.
 */
export function addComparedPooling(): void {
  addLowerings(maxPoolIndicesOp, {
    compared: {
      applies: ({ inputs: [x], shape }, { kernel, strides, pads, dilations }) =>
        x!.dtype === 'f32' &&
        [...dilations, ...pads.map((p) => p + 1)].every((d) => d === 1) &&
        kernel.every((k, i) => k === strides[i] && k * shape[i + 2]! === x!.shape[i + 2]) &&
        sizeOf(x!.shape.slice(2)) <= exact,
      lower: (b, [x], { inputs, shape }, geometry) => {
        const { kernel } = geometry;
        const [n, channels, height, width] = inputs[0]!.shape as [number, number, number, number];
        const pool = (name: string) => b.emit('MaxPool', [name], onnxAttributes(geometry));
        const [pixels, columns] = [height * width, shape[3]!];
        const repeat = Array.from({ length: columns * kernel[0] * width }, (_, i) => {
          const [from, to] = [Math.floor(i / (kernel[0] * width)), i % width];
          return Number(Math.floor(to / kernel[1]) === from);
        });
        const rows = b.emit('Reshape', [pool(x!), b.integers([n * channels * shape[2]!, columns])]);
        const repeated = b.emit('MatMul', [rows, b.constant(f32([columns, kernel[0] * width], repeat))]);
        const maxima = b.emit('Reshape', [repeated, b.integers(inputs[0]!.shape)]);
        const isMaximum = b.emit('Cast', [b.emit('Equal', [x!, maxima])], { to: dataType.f32 });
        const last = pixels - 1;
        const distances = f32(
          [height, width],
          Array.from({ length: pixels }, (_, i) => last - i),
        );
        const marked = b.emit('Mul', [isMaximum, b.constant(distances)]);
        const distance = b.emit('Cast', [pool(marked)], { to: dataType.i64 });
        const ends = Array.from({ length: n * channels }, (_, image) => image * pixels + last);
        return b.emit('Sub', [b.constant(i64([n, channels, 1, 1], ends)), distance]);
      },
    },
  });
}
