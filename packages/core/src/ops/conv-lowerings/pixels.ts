import { f32, tensor } from '../../base/tensor.ts';
import type { OnnxBuilder } from '../../graph/index.ts';
import { reshape, transpose } from './nodes.ts';

/*
 * Images pixel by pixel, (h·w, n·c): what a kernel's tap or a tile sees of all images is then a choice of whole rows, which
 * ORT copies with all threads, and a product with n·rows is one product.
 */

export type Pair = readonly [number, number];

export const across = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)];

const i32 = (shape: readonly number[], values: readonly number[]) => tensor('i32', shape, Int32Array.from(values));

/**
 * Rows and columns exchanged, as one list. As a list, because ORT moves a transpose behind a reshape that follows, and there,
 * of four axes, it takes ten times as long.
 */
export const exchanged = (b: OnnxBuilder, x: string) => reshape(b, transpose(b, x, [1, 0]), [-1]);

/**
 * (n, c, h, w) → (h·w, n·c).
 *
 * @param isAgain whether it is computed again where the graph has it already, rather than kept until then: the shape is
 *   written in another way, so that the nodes are others
 */
export function pixelByPixel(b: OnnxBuilder, x: string, shape: readonly number[], isAgain = false): string {
  const [n, channels, height, width] = shape as [number, number, number, number];
  return transpose(b, reshape(b, x, [n * channels, isAgain ? -1 : height * width]), [1, 0]);
}

/** Rows (count, n·c) → (n, c, h, w): the pixel of a row and a column of the images is row `along rows + along columns`. */
export function asImages(
  b: OnnxBuilder,
  rows: string,
  shape: readonly number[],
  along: readonly [rows: readonly number[], columns: readonly number[]],
): string {
  const [height, width] = shape.slice(2) as [number, number];
  const indices = b.emit('Add', [b.constant(i32([height, 1], along[0])), b.constant(i32([1, width], along[1]))]);
  const ordered = b.emit('Gather', [rows, indices], { axis: 0 });
  return reshape(b, exchanged(b, reshape(b, ordered, [height * width, -1])), shape);
}

/** Pixels at equal distances, `taps` of them from each of `count` places on: those of tiles, or of a kernel. */
export interface Grid {
  readonly taps: Pair;
  readonly count: Pair;
  /** Pixels from one place to the next. */
  readonly strides: Pair;
  /** Pixels from one tap to the next. */
  readonly dilations: Pair;
  /** Pixels of the first place above and to the left of the image. Outside of it all is zero. */
  readonly before: Pair;
}

/** The pixels of a grid over (n, c, h, w): (taps, places·n·c). */
export function picked(b: OnnxBuilder, x: string, shape: readonly number[], grid: Grid, isAgain = false): string {
  const [n, channels, height, width] = shape as [number, number, number, number];
  const { taps, count, strides, dilations, before } = grid;
  const pixels = height * width;
  // A pixel outside in either direction is the row of zeros after all others.
  const along = (axis: 0 | 1, step: number) =>
    Array.from({ length: taps[axis] }, (_, tap) =>
      Array.from({ length: count[axis] }, (_, place) => {
        const at = place * strides[axis] + tap * dilations[axis] - before[axis];
        return at >= 0 && at < shape[axis + 2]! ? at * step : pixels;
      }),
    ).flat();
  const [rows, columns] = [along(0, width), along(1, 1)];
  const isPadded = [...rows, ...columns].includes(pixels);
  const sums = b.emit('Add', [
    b.constant(i32([taps[0], 1, count[0], 1], rows)),
    b.constant(i32([1, taps[1], 1, count[1]], columns)),
  ]);
  const indices = isPadded ? b.emit('Min', [sums, b.constant(i32([], [pixels]))]) : sums;
  const images = pixelByPixel(b, x, shape, isAgain);
  const zeros = () => b.emit('Expand', [b.constant(f32([], [0])), b.integers([1, n * channels])]);
  const all = isPadded ? b.emit('Concat', [images, zeros()], { axis: 0 }) : images;
  return reshape(b, b.emit('Gather', [all, indices], { axis: 0 }), [taps[0] * taps[1], -1]);
}

/** Aᵀ · B of matrices whose rows are pixels. */
export const transposedMatmul = (b: OnnxBuilder, left: string, right: string) =>
  b.emit('FusedMatMul', [left, right], { transA: 1 }, 'com.microsoft');
