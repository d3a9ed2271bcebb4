/** The geometry of a convolution. Pads are [top, left, bottom, right] and need not be symmetric. */
export type ConvGeometry = {
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
};

/**
 * The extent of a convolution's output along the two image axes:
 * floor((size + pads - dilation · (kernel - 1) - 1) / stride) + 1.
 */
export function convOutputSize(
  size: readonly number[],
  kernel: readonly number[],
  { strides, pads, dilations }: Pick<ConvGeometry, 'strides' | 'pads' | 'dilations'>,
): [number, number] {
  const along = (axis: 0 | 1) => {
    const reach = dilations[axis] * (kernel[axis]! - 1) + 1;
    return Math.floor((size[axis]! + pads[axis]! + pads[axis + 2]! - reach) / strides[axis]) + 1;
  };
  return [along(0), along(1)];
}

/** The geometry of a convolution, and the height and width of its input, for the gradient of the input. */
export type InputGradAttributes = ConvGeometry & { readonly size: readonly [number, number] };

/** The geometry of a convolution, and the height and width of its kernel, for the gradient of the weight. */
export type WeightGradAttributes = ConvGeometry & { readonly kernel: readonly [number, number] };
