/*
 * Winograd's convolution F(4x4, 3x3): a 3x3 kernel at stride 1 and its two gradients with 36 multiplications for 16
 * pixels in place of 144 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).
 *
 * Images are laid out pixel by pixel, (h·w, n·c), where a tile is a choice of whole rows, each transform one product
 * with a small matrix, and what is left are 36 products of matrices. The points are 0, ±2/3, ±3/2 and ∞: with the usual
 * 0, ±1, ±2 and ∞ the largest error is four times as large. With these the errors of 256 channels are 1.2e-6 of the result
 * (root mean square), where PyTorch's direct convolution has 0.9e-6, and ORT's, which adds up in parts, 0.2e-6.
 */
import { f32, type Tensor } from '../../base/tensor.ts';
import { constantTensor, type OnnxBuilder, type Value } from '../../graph/index.ts';
import type { ConvGeometry, InputGradAttributes, WeightGradAttributes } from '../conv-geometry.ts';
import type { LoweringRule } from '../define.ts';
import { flippedPads, reshape, transpose } from './nodes.ts';
import { across, asImages, exchanged, type Grid, type Pair, picked, transposedMatmul } from './pixels.ts';
import { matmulTransposed } from './weight-grad.ts';

type Matrix = readonly (readonly number[])[];

/** Pixels along a side of what a tile yields. */
const yielded = 4;
const kernelSide = 3;
/** Pixels along a side of a tile: as many as there are points. */
const tileSide = yielded + kernelSide - 1;

/** The finite points; the last one is infinity. */
const points = [0, 2 / 3, -2 / 3, 3 / 2, -3 / 2];

/** The value of a polynomial with `count` coefficients at each point: at infinity its leading coefficient. */
const evaluation = (count: number): Matrix => [
  ...points.map((p) => Array.from({ length: count }, (_, power) => p ** power)),
  Array.from({ length: count }, (_, power) => (power === count - 1 ? 1 : 0)),
];

/** The same, divided by the denominators of Lagrange's polynomials. */
const scaledEvaluation = (count: number): Matrix =>
  evaluation(count).map((row, i) => {
    const denominator = points.reduce((product, q, j) => (i === j ? product : product * (points[i]! - q)), 1);
    return i < points.length ? row.map((x) => x / denominator) : row;
  });

/** The coefficients of Lagrange's polynomials without their denominators: Π (x - q) over the other points. */
const interpolation: Matrix = [...points, undefined].map((p) => {
  const others = points.filter((q) => q !== p);
  let coefficients = [1, 0, 0, 0, 0, 0];
  for (const q of others) coefficients = coefficients.map((x, power) => (coefficients[power - 1] ?? 0) - q * x);
  return coefficients;
});

const transposed = (matrix: Matrix): Matrix => matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));

/** The transform of both image axes as one matrix, from and to numbers in row-major order: the Kronecker square. */
function ofBothAxes(matrix: Matrix): Tensor {
  const rows = matrix.flatMap((a) => matrix.map((b) => a.flatMap((x) => b.map((y) => x * y))));
  return f32([rows.length, rows[0]!.length], rows.flat());
}

/** With one tensor for each, a graph holds each once. y = Aᵀ(Gw ⊙ Bᵀx) forward, dw = Aᵀ(G·dy ⊙ Bᵀx). */
const transforms = {
  images: ofBothAxes(interpolation),
  weights: ofBothAxes(scaledEvaluation(kernelSide)),
  flippedWeights: ofBothAxes(scaledEvaluation(kernelSide).map((row) => row.toReversed())),
  result: ofBothAxes(transposed(evaluation(yielded))),
  gradients: ofBothAxes(scaledEvaluation(yielded)),
  weightGrad: ofBothAxes(transposed(evaluation(kernelSide))),
};

/** The tiles of a side that yield images of this size. */
const tiling = (side: number, size: readonly number[], before: Pair): Grid => ({
  taps: [side, side],
  count: across((axis) => Math.ceil(size[axis]! / yielded)),
  strides: [yielded, yielded],
  dilations: [1, 1],
  before,
});

/** A transform of rows, and then each of them as matrices of `columns` columns. */
function transform(b: OnnxBuilder, matrix: Tensor, rows: string, columns: number): string {
  const result = b.emit('MatMul', [b.constant(matrix), rows]);
  return reshape(b, result, [matrix.shape[0]!, -1, columns]);
}

/** (o, i, 3, 3) → (36, o, i). */
function transformedWeights(b: OnnxBuilder, w: string, { shape }: Value, matrix: Tensor): string {
  const taps = transpose(b, reshape(b, w, [-1, kernelSide * kernelSide]), [1, 0]);
  return reshape(b, b.emit('MatMul', [b.constant(matrix), taps]), [-1, ...shape.slice(0, 2)]);
}

/** The convolution with weights that are transformed already: (36, o, i), or (36, i, o) where they are not `turned`. */
function convolve(
  b: OnnxBuilder,
  x: string,
  weights: string,
  { inputs, shape }: Value,
  { pads, isTurned }: { readonly pads: readonly number[]; readonly isTurned: boolean },
): string {
  const images = inputs[0]!.shape;
  const [n, channels, ...size] = shape as [number, number, number, number];
  const grid = tiling(tileSide, size, [pads[0]!, pads[1]!]);
  const tiles = transform(b, transforms.images, picked(b, x, images, grid), images[1]!);
  const products = reshape(b, isTurned ? matmulTransposed(b, tiles, weights, 3) : b.emit('MatMul', [tiles, weights]), [
    tileSide * tileSide,
    -1,
  ]);
  const pixels = reshape(b, b.emit('MatMul', [b.constant(transforms.result), products]), [-1, n * channels]);
  // Row y, column x of the images is pixel (y mod 4, x mod 4) of its tile.
  const [rows, columns] = grid.count;
  const along = (length: number, step: number, perTile: number) =>
    Array.from({ length }, (_, at) => (at % yielded) * step + Math.floor(at / yielded) * perTile);
  const places = rows * columns;
  return asImages(b, pixels, shape, [along(size[0], yielded * places, columns), along(size[1], places, 1)]);
}

/** Fewest channels on either side: with fewer the transforms take longer than what they save. */
const fewestChannels = 16;

/** @param kernel the kernel's height and width */
function fits(value: Value, { strides, dilations, groups }: ConvGeometry, kernel: readonly number[]): boolean {
  const plain = [...strides, ...dilations, groups].every((x) => x === 1);
  // Constant weights are left to ORT, which keeps blocked layouts from layer to layer.
  const isFree = value.inputs.every((each) => constantTensor(each) === undefined);
  const channels = value.inputs.flatMap(({ shape }) => shape[1]!);
  return (
    plain &&
    isFree &&
    value.dtype === 'f32' &&
    kernel.every((side) => side === kernelSide) &&
    channels.every((count) => count >= fewestChannels) &&
    value.inputs[0]!.shape.slice(2).every((side) => side >= kernelSide)
  );
}

const kernelOf = ({ inputs }: Value) => inputs[1]!.shape.slice(2);

export const winogradConv: LoweringRule<ConvGeometry> = {
  requires: 'fusedMatMul',
  applies: (value, geometry) => fits(value, geometry, kernelOf(value)),
  lower: (b, [x, w], value, { pads }) => {
    const weights = transformedWeights(b, w!, value.inputs[1]!, transforms.weights);
    return convolve(b, x!, weights, value, { pads, isTurned: true });
  },
};

export const winogradInputGrad: LoweringRule<InputGradAttributes> = {
  requires: 'fusedMatMul',
  applies: (value, geometry) => fits(value, geometry, kernelOf(value)),
  lower: (b, [dy, w], value, attributes) => {
    const weights = transformedWeights(b, w!, value.inputs[1]!, transforms.flippedWeights);
    return convolve(b, dy!, weights, value, { pads: flippedPads(value, attributes), isTurned: false });
  },
};

/** Bytes of transformed images that are kept from the forward pass for the weight gradient; more are computed again. */
const mostKept = 32 * 2 ** 20;

export const winogradWeightGrad: LoweringRule<WeightGradAttributes> = {
  requires: 'fusedMatMul',
  applies: (value, geometry) => fits(value, geometry, geometry.kernel),
  lower: (b, [x, dy], value, { pads }) => {
    const [images, gradients] = value.inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
    const size = gradients.slice(2);
    const grid = tiling(tileSide, size, [pads[0], pads[1]]);
    const bytes = 4 * tileSide ** 2 * grid.count[0] * grid.count[1] * images[0]! * images[1]!;
    const tiles = picked(b, x!, images, grid, bytes > mostKept);
    const patches = picked(b, dy!, gradients, tiling(yielded, size, [0, 0]));
    const products = transposedMatmul(
      b,
      transform(b, transforms.gradients, patches, gradients[1]!),
      transform(b, transforms.images, tiles, images[1]!),
    );
    const rows = reshape(b, products, [tileSide * tileSide, -1]);
    const taps = b.emit('MatMul', [b.constant(transforms.weightGrad), rows]);
    return reshape(b, exchanged(b, taps), value.shape);
  },
};
