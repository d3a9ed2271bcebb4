import type { OnnxBuilder, Value } from '../../graph/index.ts';
import type { InputGradAttributes } from '../conv-geometry.ts';

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
