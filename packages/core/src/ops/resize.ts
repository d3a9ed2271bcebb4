import { f32 } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import { expectRank, sameShape } from './define.ts';
import { matmul } from './matmul.ts';
import { swapLast } from './shape.ts';

/*
 * Resizing and adaptive pooling are linear along each axis, and the shapes are static: each is a product with two
 * constant matrices, y = R · x · Cᵀ. So neither needs a derivative of its own.
 */

/** One row for each position of the result. */
export type Weights = readonly (readonly number[])[];

function applyAlongBoth(x: Value, rows: Weights | null, columns: Weights | null): Value {
  const matrix = (weights: Weights) => constant(f32([weights.length, weights[0]!.length], weights.flat()));
  const tall = rows ? matmul(matrix(rows), x) : x;
  return columns ? matmul(tall, swapLast(matrix(columns))) : tall;
}

/**
 * R · x · Cᵀ with the matrices that `weights` makes of the lengths along one axis (0: rows). (n, c, h, w) → (n, c,
 * …size).
 */
export function separable(
  op: string,
  x: Value,
  size: readonly [number, number],
  weights: (from: number, to: number, axis: 0 | 1) => Weights,
): Value {
  expectRank(op, x, 4, '(n, c, h, w)');
  const [height, width] = x.shape.slice(2) as [number, number];
  if (sameShape([height, width], size)) return x;
  return applyAlongBoth(
    x,
    height === size[0] ? null : weights(height, size[0], 0),
    width === size[1] ? null : weights(width, size[1], 1),
  );
}

/** A row of a matrix from its nonzero entries; entries of one column add up. */
export function row(length: number, entries: readonly (readonly [index: number, weight: number])[]): number[] {
  const result = new Array<number>(length).fill(0);
  for (const [index, weight] of entries) result[index]! += weight;
  return result;
}

/** How values between pixels are computed: the `mode` of `torch.nn.functional.interpolate`. */
export type ResizeMode = 'nearest' | 'bilinear' | 'bicubic';

export interface ResizeOptions {
  /** Whether the centres of the corner pixels stay where they are, instead of the image's edges. Not for `nearest`. */
  readonly alignCorners?: boolean;
}

/** Keys' cubic convolution kernel at distance |d| < 2, with PyTorch's a = -3/4 (Keys 1981, eq. 4). */
function cubic(distance: number): number {
  const a = -0.75;
  const d = Math.abs(distance);
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : a * (((d - 5) * d + 8) * d - 4);
}

/**
 * The source pixels around a position, as offsets from the pixel before it, and their weights where the position is `t`
 * beyond that pixel.
 */
const taps = {
  bilinear: (t: number) => [
    [0, 1 - t],
    [1, t],
  ],
  bicubic: (t: number) => [-1, 0, 1, 2].map((k) => [k, cubic(k - t)]),
} as const satisfies Record<string, (t: number) => readonly (readonly number[])[]>;

function interpolationWeights(from: number, to: number, mode: ResizeMode, alignCorners: boolean): Weights {
  return Array.from({ length: to }, (_, i) => {
    if (mode === 'nearest') return row(from, [[Math.min(from - 1, Math.floor((i * from) / to)), 1]]);
    const centre = alignCorners ? (i * (from - 1)) / Math.max(1, to - 1) : ((i + 0.5) * from) / to - 0.5;
    const before = Math.floor(centre);
    // Beyond the edge the outermost pixel is repeated.
    const inside = (index: number) => Math.min(from - 1, Math.max(0, index));
    return row(
      from,
      taps[mode](centre - before).map(([k, weight]) => [inside(before + k!), weight!] as const),
    );
  });
}

/** (n, c, h, w) → (n, c, height, width), as `torch.nn.functional.interpolate` without antialiasing. */
export function resize(
  x: Value,
  size: readonly [number, number],
  mode: ResizeMode,
  { alignCorners = false }: ResizeOptions = {},
): Value {
  return separable('resize', x, size, (from, to) => interpolationWeights(from, to, mode, alignCorners));
}

/**
 * The mean over windows of nearly equal size, as PyTorch's adaptive average pooling: window i is [⌊i·h/oh⌋,
 * ⌈(i+1)·h/oh⌉).
 */
export function adaptiveAveragePool(x: Value, size: readonly [number, number]): Value {
  return separable('adaptiveAveragePool', x, size, (from, to) =>
    Array.from({ length: to }, (_, i) => {
      const start = Math.floor((i * from) / to);
      const end = Math.ceil(((i + 1) * from) / to);
      return row(
        from,
        Array.from({ length: end - start }, (_, k) => [start + k, 1 / (end - start)] as const),
      );
    }),
  );
}
