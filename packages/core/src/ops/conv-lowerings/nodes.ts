import type { OnnxBuilder, Value } from '../../graph/index.ts';
import type { InputGradAttributes, WeightGradAttributes } from '../conv-geometry.ts';

/** kernel reach minus 1: how far a dilated kernel extends beyond its first tap. */
export const reach = (kernel: number, dilation: number) => dilation * (kernel - 1);

/** The pads of the convolution that is the input gradient at stride 1. */
export const flippedPads = (value: Value, { pads, dilations }: InputGradAttributes) => {
  const kernel = value.inputs[1]!.shape.slice(2);
  const along = (i: number) => reach(kernel[i % 2]!, dilations[i % 2]!) - pads[i]!;
  return [along(0), along(1), along(2), along(3)] as const;
};

export function reshape(b: OnnxBuilder, x: string, shape: readonly number[]): string {
  return b.emit('Reshape', [x, b.integers(shape)]);
}

export function transpose(b: OnnxBuilder, x: string, perm: readonly number[]): string {
  return b.emit('Transpose', [x], { perm });
}

export function sliceAxes(
  b: OnnxBuilder,
  x: string,
  axes: readonly number[],
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[],
): string {
  return b.emit('Slice', [x, b.integers(starts), b.integers(ends), b.integers(axes), b.integers(steps)]);
}

/** Sums over the first axis. */
export function sumBatch(b: OnnxBuilder, x: string): string {
  return b.emit('ReduceSum', [x, b.integers([0])], { keepdims: 0 });
}

/**
 * The input and the pads of the convolution with dy as the kernel that is the weight gradient. Rows and columns that a
 * stride left over would make its result larger than the kernel: they are taken from the pads, or cropped away.
 */
export function croppedInput(
  b: OnnxBuilder,
  x: string,
  { inputs }: Value,
  { strides, pads, dilations, kernel }: WeightGradAttributes,
): { input: string; size: readonly number[]; pads: readonly number[] } {
  const [size, output] = inputs.map(({ shape }) => shape.slice(2)) as [number[], number[]];
  const after = size.map((extent, i) => {
    const used = strides[i]! * (output[i]! - 1) + reach(kernel[i]!, dilations[i]!) + 1;
    return used - extent - pads[i]!;
  });
  const kept = size.map((extent, i) => extent + Math.min(0, after[i]!));
  const input = after.some((p) => p < 0) ? sliceAxes(b, x, [2, 3], [0, 0], kept, [1, 1]) : x;
  return { input, size: kept, pads: [...pads.slice(0, 2), ...after.map((p) => Math.max(0, p))] };
}
