import { f32 } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import { expectRank, sameShape } from './define.ts';
import { matmul } from './matmul.ts';
import { swapLast } from './shape.ts';

/*
 * Resizing and adaptive pooling are linear along each axis, and the shapes are static: each is a product with two
 * constant matrices, y = R · x · Cᵀ. So neither needs a derivative of its own.
 */

type Weights = readonly (readonly number[])[];

function applyAlongBoth(x: Value, rows: Weights | null, columns: Weights | null): Value {
  const matrix = (weights: Weights) => constant(f32([weights.length, weights[0]!.length], weights.flat()));
  const tall = rows ? matmul(matrix(rows), x) : x;
  return columns ? matmul(tall, swapLast(matrix(columns))) : tall;
}

function separable(
  op: string,
  x: Value,
  size: readonly [number, number],
  weights: (from: number, to: number) => Weights,
) {
  expectRank(op, x, 4, '(n, c, h, w)');
  const [height, width] = x.shape.slice(2) as [number, number];
  if (sameShape([height, width], size)) return x;
  return applyAlongBoth(
    x,
    height === size[0] ? null : weights(height, size[0]),
    width === size[1] ? null : weights(width, size[1]),
  );
}

function row(length: number, entries: readonly (readonly [index: number, weight: number])[]): number[] {
  const result = new Array<number>(length).fill(0);
  for (const [index, weight] of entries) result[index]! += weight;
  return result;
}

type Interpolation = 'nearest' | 'bilinear';

const interpolations: { readonly [mode in Interpolation]: (from: number, to: number) => Weights } = {
  nearest: (from, to) =>
    Array.from({ length: to }, (_, i) => row(from, [[Math.min(from - 1, Math.floor((i * from) / to)), 1]])),
  bilinear: (from, to) =>
    Array.from({ length: to }, (_, i) => {
      const centre = Math.max(0, ((i + 0.5) * from) / to - 0.5);
      const low = Math.min(from - 1, Math.floor(centre));
      const fraction = centre - low;
      return row(from, [
        [low, 1 - fraction],
        [Math.min(from - 1, low + 1), fraction],
      ]);
    }),
};

/**
 * (n, c, h, w) → (n, c, height, width), as `torch.nn.functional.interpolate` with `align_corners=False` and no
 * antialiasing.
 */
export function resize(x: Value, size: readonly [number, number], mode: Interpolation): Value {
  return separable('resize', x, size, interpolations[mode]);
}

/** The mean over windows of nearly equal size, as PyTorch's adaptive average pooling: window i is [⌊i·h/oh⌋, ⌈(i+1)·h/oh⌉). */
export function adaptiveAveragePool(x: Value, size: readonly [number, number]): Value {
  return separable('adaptiveAveragePool', x, size, (from, to) =>
    Array.from({ length: to }, (_, i) => {
      const [start, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)];
      return row(
        from,
        Array.from({ length: end - start }, (_, k) => [start + k, 1 / (end - start)] as const),
      );
    }),
  );
}
