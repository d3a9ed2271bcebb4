import { blender } from './colour.ts';
import { blank, channelsOf, type Planes, rounding } from './planes.ts';

/**
 * Gaussian blur with standard deviation `sigma` over `kernelSize` (odd) pixels in each direction; beyond its edges the
 * image is reflected. torchvision's `gaussian_blur`, one axis after the other.
 *
 * @throws RangeError where the kernel is even, or reaches further than the image is wide or high
 */
export function gaussianBlur(image: Planes, kernelSize: number, sigma: number): Planes {
  const { width, height } = image;
  const reach = (kernelSize - 1) / 2;
  if (!Number.isInteger(reach) || reach < 0 || reach >= Math.min(width, height)) {
    throw new RangeError(`gaussianBlur: a kernel of ${kernelSize} does not fit ${width} x ${height} pixels`);
  }
  const kernel = gaussian(reach, sigma);
  const columns = reflected(width, reach);
  const rows = reflected(height, reach);
  const out = blank(image);
  const written = rounding(out.data);
  const across = new Float32Array(width * height);
  channelsOf(image).forEach((channel, c) => {
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        let sum = 0;
        for (let k = 0; k < kernelSize; k++) sum += kernel[k]! * channel[y * width + columns[x + k]!]!;
        across[to] = sum;
      }
    }
    for (let y = 0, to = c * width * height; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        let sum = 0;
        for (let k = 0; k < kernelSize; k++) sum += kernel[k]! * across[rows[y + k]! * width + x]!;
        written[to] = sum;
      }
    }
  });
  return out;
}

/** exp(-x² / 2σ²) at -reach, …, reach, divided by its sum. */
function gaussian(reach: number, sigma: number): Float64Array {
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

/**
 * The position that stands at -reach, …, length - 1 + reach of a line that is reflected at the centre of its last
 * pixels.
 */
function reflected(length: number, reach: number): Int32Array {
  return Int32Array.from({ length: length + 2 * reach }, (_, i) => {
    const position = Math.abs(i - reach);
    return position < length ? position : 2 * (length - 1) - position;
  });
}

/**
 * factor 0: smoothed by [1 1 1; 1 5 1; 1 1 1] / 13 but for the outermost pixels, 1: as it is, 2: sharpened.
 * An image of 2 pixels or less on a side has outermost pixels only, and stays as it is.
 */
export function sharpness(image: Planes, factor: number): Planes {
  const { width, height } = image;
  if (width <= 2 || height <= 2) return image;
  const out = blank(image);
  const share = blender(factor);
  const written = channelsOf(out);
  channelsOf(image).forEach((channel, c) => {
    const smooth = smoothed(channel, width, height);
    const to = written[c]!;
    for (let i = 0; i < to.length; i++) to[i] = share(channel[i]!, smooth[i]!);
  });
  return out;
}

function smoothed(channel: Uint8Array, width: number, height: number): Uint8Array {
  const out = channel.slice();
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      let sum = 4 * channel[at]!;
      for (let near = at - width; near <= at + width; near += width) {
        sum += channel[near - 1]! + channel[near]! + channel[near + 1]!;
      }
      out[at] = Math.round(sum / 13);
    }
  }
  return out;
}
