import type { Colour, Planes } from './planes.ts';

/** Whole pixels of an image. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The image with a rectangle in one colour. */
export function erase(image: Planes, { left, top, width, height }: Region, fill: Colour): Planes {
  const data = image.data.slice();
  for (let channel = 0; channel < 3; channel++) {
    for (let y = top; y < top + height; y++) {
      const line = (channel * image.height + y) * image.width;
      data.fill(fill[channel]!, line + left, line + left + width);
    }
  }
  return { ...image, data };
}
