import { roundHalfEven } from '../../base/rounding.ts';
import { blank, type Colour, channelsOf, type Planes, rounding } from './planes.ts';

/** The interpolation between pixels, and the colour outside the image. */
export interface Sampling {
  readonly interpolation: 'nearest' | 'bilinear';
  readonly fill: Colour;
}

/**
 * The source of an output pixel at (x, y): (a·x + b·y + c, d·x + e·y + f), both measured in pixels from the image's
 * centre.
 */
export type AffineMap = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** The same image, top and bottom exchanged. */
export function flipVertically(image: Planes): Planes {
  const { width, height, data } = image;
  const out = blank(image);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * height + y) * width;
      out.data.set(data.subarray(from, from + width), (channel * height + height - 1 - y) * width);
    }
  }
  return out;
}

/** Turned counter-clockwise about its centre; the corners that leave the image are lost. */
export function rotate(image: Planes, degrees: number, sampling: Sampling): Planes {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return affine(image, [cos, -sin, 0, sin, cos, 0], sampling);
}

/** Each row moves to the left by `slope` times its distance from the top, as in AutoAugment. */
export function shearX(image: Planes, slope: number, sampling: Sampling): Planes {
  return affine(image, [1, slope, (slope * image.height) / 2, 0, 1, 0], sampling);
}

/** Each column moves up by `slope` times its distance from the left. */
export function shearY(image: Planes, slope: number, sampling: Sampling): Planes {
  return affine(image, [1, 0, 0, slope, 1, (slope * image.width) / 2], sampling);
}

/** Moves right by `x` and down by `y` pixels. */
export function translate(image: Planes, x: number, y: number, sampling: Sampling): Planes {
  return affine(image, [1, 0, -x, 0, 1, -y], sampling);
}

/**
 * Every output pixel is read at its place in the source: torchvision's `affine` and `rotate` on tensors.
 *
 * Pixels outside are read as black, and a second reading, of an all-white mask, gives the share m of a pixel that lies
 * inside: y = m·p + (1 - m)·fill. So a pixel across the image's edge is a little darker than a mixture would be, as in
 * torchvision.
 */
export function affine(image: Planes, map: AffineMap, { interpolation, fill }: Sampling): Planes {
  return interpolation === 'nearest' ? nearest(image, map, fill) : bilinear(image, map, fill);
}

function nearest(image: Planes, map: AffineMap, fill: Colour): Planes {
  const { width, height, data } = image;
  const plane = width * height;
  const out = blank(image);
  forEachPixel(image, map, (to, x, y) => {
    const column = roundHalfEven(x);
    const row = roundHalfEven(y);
    const isInside = column >= 0 && column < width && row >= 0 && row < height;
    const from = row * width + column;
    for (let channel = 0; channel < 3; channel++) {
      out.data[channel * plane + to] = isInside ? data[channel * plane + from]! : fill[channel]!;
    }
  });
  return out;
}

function bilinear(image: Planes, map: AffineMap, fill: Colour): Planes {
  const { width, height } = image;
  const plane = width * height;
  const out = blank(image);
  const written = rounding(out.data);
  const channels = channelsOf(image);
  const weights = [0, 0, 0, 0];
  const places = [0, 0, 0, 0];
  forEachPixel(image, map, (to, x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    let mask = 0;
    for (let corner = 0; corner < 4; corner++) {
      const column = left + (corner & 1);
      const row = top + (corner >> 1);
      const isInside = column >= 0 && column < width && row >= 0 && row < height;
      const weight = isInside ? (1 - Math.abs(x - column)) * (1 - Math.abs(y - row)) : 0;
      weights[corner] = weight;
      places[corner] = isInside ? row * width + column : 0;
      mask += weight;
    }
    for (let channel = 0; channel < 3; channel++) {
      const pixels = channels[channel]!;
      let sum = 0;
      for (let corner = 0; corner < 4; corner++) sum += weights[corner]! * pixels[places[corner]!]!;
      written[channel * plane + to] = sum * mask + (1 - mask) * fill[channel]!;
    }
  });
  return out;
}

/**
 * Calls `visit` with each output pixel's position in a plane, and the column and row in the source that it is read at.
 */
function forEachPixel(
  { width, height }: Planes,
  [a, b, c, d, e, f]: AffineMap,
  visit: (to: number, x: number, y: number) => void,
): void {
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  for (let row = 0, to = 0; row < height; row++) {
    const y = row - centreY;
    for (let column = 0; column < width; column++, to++) {
      const x = column - centreX;
      visit(to, a * x + b * y + c + centreX, d * x + e * y + f + centreY);
    }
  }
}
