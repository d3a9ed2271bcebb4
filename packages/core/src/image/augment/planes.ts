/**
 * An image as a model takes it in: 8-bit RGB, planar, `data[(channel · height + y) · width + x]`. The output of
 * `resize`.
 */
export interface Planes {
  readonly width: number;
  readonly height: number;
  /** u8 (3, height, width) */
  readonly data: Uint8Array;
}

/** Red, green and blue in [0, 255]. */
export type Colour = readonly [red: number, green: number, blue: number];

/** An image of the same size whose numbers are still to be written. */
export function blank({ width, height }: Planes): Planes {
  return { width, height, data: new Uint8Array(3 * width * height) };
}

/** The three channels, each (height · width), without copying. */
export function channelsOf({ width, height, data }: Planes): [Uint8Array, Uint8Array, Uint8Array] {
  const plane = width * height;
  return [data.subarray(0, plane), data.subarray(plane, 2 * plane), data.subarray(2 * plane)];
}

/** An array that rounds what is written into it, half to even, and clamps: as `torch.round`. */
export function rounding(data: Uint8Array): Uint8ClampedArray {
  return new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
}
