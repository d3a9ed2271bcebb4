import type { RgbImage } from '../resize.ts';
import type { Orientation } from './header.ts';

/** Whether the rows of the upright image are columns of the stored one. */
export function isOnItsSide(orientation: Orientation): boolean {
  return orientation >= 5;
}

/** The image turned and mirrored as EXIF's orientation says (EXIF 3.0, 4.6.5.1.6); itself where it is upright. */
export function upright(image: RgbImage, orientation: Orientation): RgbImage {
  if (orientation === 1) return image;
  const isSide = isOnItsSide(orientation);
  const [width, height] = isSide ? [image.height, image.width] : [image.width, image.height];
  const data = new Uint8Array(image.data.length);
  // Where the stored image's axes run against the upright one's.
  const [isRightToLeft, isBottomUp] = [[2, 3, 7, 8].includes(orientation), [3, 4, 6, 7].includes(orientation)];
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [alongX, alongY] = isSide ? [y, x] : [x, y];
      const storedX = isRightToLeft ? image.width - 1 - alongX : alongX;
      const storedY = isBottomUp ? image.height - 1 - alongY : alongY;
      const from = 3 * (storedY * image.width + storedX);
      data[to] = image.data[from]!;
      data[to + 1] = image.data[from + 1]!;
      data[to + 2] = image.data[from + 2]!;
    }
  }
  return { width, height, data };
}
