import { OptionError } from '../base/errors.ts';
import type { Planes, RgbImage } from '../image/index.ts';
import { colourOf } from './colour-map.ts';

export interface OverlayOptions {
  /** The share of the colour where a map is 1, in [0, 1]. Default 0.7. */
  readonly opacity?: number;
  /**
   * The standard deviation of a Gaussian that smooths what speaks for the class, in pixels; the smoothed map is divided
   * by its largest value. For maps of single pixels, which the eye cannot sum up. Default 0: none.
   */
  readonly blur?: number;
}

/**
 * An image in grey with a map laid on it in colour (`colourOf`): what speaks for the class shows, and the more so the
 * more it does; elsewhere the image stays as it is. What speaks against the class (values below 0) is left out.
 *
 * @param image planar RGB, as the network sees it
 * @param map `normalised` of one image, (height · width)
 * @throws OptionError where the map has another size than the image
 */
export function overlay(
  { width, height, data }: Planes,
  map: ArrayLike<number>,
  { opacity = 0.7, blur = 0 }: OverlayOptions = {},
): RgbImage {
  const plane = width * height;
  if (map.length !== plane) {
    throw new OptionError({ option: 'map', expected: `${height} x ${width} numbers`, received: map.length });
  }
  const result = new Uint8Array(3 * plane);
  const evidence = Float32Array.from(map, (value) => Math.max(0, Math.min(1, value)));
  const shown = blur > 0 ? smoothed(evidence, width, blur) : evidence;
  for (let p = 0; p < plane; p++) {
    const value = shown[p]!;
    // Luma as in JPEG and television (ITU-R BT.601).
    const grey = 0.299 * data[p]! + 0.587 * data[plane + p]! + 0.114 * data[2 * plane + p]!;
    // A little evidence is seen too: the colour map's dark beginning would hide it.
    const share = opacity * Math.sqrt(value);
    const colour = colourOf(value);
    for (let c = 0; c < 3; c++) result[3 * p + c] = Math.round((1 - share) * grey + share * colour[c]!);
  }
  return { width, height, data: result };
}

/** A map under a Gaussian, which is cut off at three standard deviations, over its largest value. */
function smoothed(map: Float32Array, width: number, deviation: number): Float32Array {
  const height = map.length / width;
  const reach = Math.ceil(3 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / deviation) ** 2) / 2));
  /** Along an axis of so many pixels that lie `step` apart; beyond the edge nothing speaks for the class. */
  const along = (values: Float32Array, side: number, step: number) =>
    values.map((_, p) => {
      const place = Math.floor(p / step) % side;
      return weights.reduce((sum, weight, i) => {
        const at = place + i - reach;
        return at < 0 || at >= side ? sum : sum + weight * values[p + (i - reach) * step]!;
      }, 0);
    });
  const blurred = along(along(map, width, 1), height, width);
  const largest = blurred.reduce((most, value) => Math.max(most, value), 0);
  return largest > 0 ? blurred.map((value) => value / largest) : blurred;
}

/** A planar image with its channels side by side. */
export function interleaved({ width, height, data }: Planes): RgbImage {
  const plane = width * height;
  const result = new Uint8Array(3 * plane);
  for (let p = 0; p < plane; p++) for (let c = 0; c < 3; c++) result[3 * p + c] = data[c * plane + p]!;
  return { width, height, data: result };
}

/**
 * Images of one height in a row with a gap of white between them, each pixel as a square of so many.
 * @throws OptionError where their heights differ
 */
export function sideBySide(
  images: readonly RgbImage[],
  { gap = 8, scale = 1 }: { readonly gap?: number; readonly scale?: number } = {},
): RgbImage {
  const height = images[0]?.height ?? 0;
  if (!images.every((image) => image.height === height)) {
    const received = images.map((image) => image.height);
    throw new OptionError({ option: 'images', expected: 'images of one height', received });
  }
  const across = images.reduce((sum, image) => sum + image.width * scale, 0) + gap * Math.max(0, images.length - 1);
  const sheet = new Uint8Array(3 * across * height * scale).fill(255);
  let left = 0;
  for (const image of images) {
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < image.width * scale; x++) {
        const from = 3 * (Math.floor(y / scale) * image.width + Math.floor(x / scale));
        sheet.set(image.data.subarray(from, from + 3), 3 * (y * across + left + x));
      }
    }
    left += image.width * scale + gap;
  }
  return { width: across, height: height * scale, data: sheet };
}
