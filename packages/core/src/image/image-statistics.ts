import type { TensorOf } from '../base/tensor.ts';

/** Statistics that tell ink on paper from photos, and white on black from black on white. */
export interface ImageStatistics {
  /** The share of pixels in each of 16 equal steps from black to white. */
  readonly brightness: readonly number[];
  /** The mean over pixels of (largest − smallest channel) / 255: 0 for grey images. */
  readonly saturation: number;
}

/** The number of steps from black to white. */
export const brightnessSteps = 16;

/** The statistics of images u8 (n, 3, h, w). */
export function statisticsOf({ data, shape }: TensorOf<'u8'>): ImageStatistics {
  const area = shape[2]! * shape[3]!;
  const counts = new Float64Array(brightnessSteps);
  let saturation = 0;
  const pixels = data.length / 3;
  for (let image = 0; image < data.length; image += 3 * area) {
    for (let i = image; i < image + area; i++) {
      const red = data[i]!;
      const green = data[i + area]!;
      const blue = data[i + 2 * area]!;
      // ITU-R BT.601, as Pillow's conversion to grey.
      const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
      counts[Math.min(brightnessSteps - 1, Math.floor(grey / brightnessSteps))]!++;
      saturation += (Math.max(red, green, blue) - Math.min(red, green, blue)) / 255;
    }
  }
  const rounded = (value: number) => Number(value.toFixed(4));
  return {
    brightness: Array.from(counts, (count) => rounded(count / pixels)),
    saturation: rounded(saturation / pixels),
  };
}

/**
 * The distance from which two sets of images count as different kinds. Measured (distances to Omniglot's drawings at 28
 * pixels): other drawings of it 0.00, MNIST's digits in dark ink 0.05, TrashNet's photos 0.28, Caltech-101's 0.41,
 * MNIST's digits in white on black 0.79. TrashNet and Caltech-101, both photos, are 0.16 apart; five images of each
 * class and the whole set at most 0.03.
 */
export const farApart = 0.2;

/** The same images as negatives. */
export function inverted({ brightness, saturation }: ImageStatistics): ImageStatistics {
  return { brightness: brightness.toReversed(), saturation };
}

/**
 * The distance between two sets of images, from 0 to 1: the larger of the difference in mean saturation and the
 * distance by which brightness must be moved to turn one histogram into the other (Wasserstein-1).
 */
export function distanceBetween(a: ImageStatistics, b: ImageStatistics): number {
  let difference = 0;
  let moved = 0;
  for (let step = 0; step < brightnessSteps - 1; step++) {
    difference += a.brightness[step]! - b.brightness[step]!;
    moved += Math.abs(difference) / (brightnessSteps - 1);
  }
  return Math.max(moved, Math.abs(a.saturation - b.saturation));
}
