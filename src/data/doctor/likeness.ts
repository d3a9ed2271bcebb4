import { type RgbImage, resize } from '../resize.ts';

/** What a picture looks like from far away: enough to know it again when it was resized, recompressed or lightened. */
export interface Likeness {
  /** The 64-bit difference hash as four words of 16 bits. Alike pictures differ in few bits. */
  readonly hash: Uint16Array;
  /** Grey levels (16, 16). */
  readonly thumbnail: Uint8Array;
}

export const thumbnailSide = 16;

/** Levels by which the right neighbour has to be lighter: what JPEG leaves of an even ground is no slope. */
const slope = 1;

/** The likeness of an upright picture. */
export function likenessOf(picture: RgbImage): Likeness {
  return { hash: differenceHash(picture), thumbnail: greyThumbnail(picture, thumbnailSide, thumbnailSide) };
}

/**
 * Bit (row, column) says whether the grey level rises from cell (row, column) to the next on the right, in a grid of 8 x 9
 * cells. (After N. Krawetz's dHash, 2013.)
 */
function differenceHash(picture: RgbImage): Uint16Array {
  const cells = greyThumbnail(picture, 9, 8);
  const hash = new Uint16Array(4);
  for (let bit = 0; bit < 64; bit++) {
    const cell = (bit >> 3) * 9 + (bit & 7);
    if (cells[cell + 1]! - cells[cell]! > slope) hash[bit >> 4]! |= 1 << (bit & 15);
  }
  return hash;
}

/** The whole picture as grey levels (height, width), its shape disregarded. */
function greyThumbnail(picture: RgbImage, width: number, height: number): Uint8Array {
  const planes = new Uint8Array(3 * width * height);
  resize(picture, { left: 0, top: 0, width: picture.width, height: picture.height }, { width, height }, planes);
  const [green, blue] = [width * height, 2 * width * height];
  return Uint8Array.from({ length: width * height }, (_, i) =>
    Math.round(0.299 * planes[i]! + 0.587 * planes[green + i]! + 0.114 * planes[blue + i]!),
  );
}

/**
 * Pearson's correlation of two thumbnails: 1 for the same picture, whatever its brightness and contrast. NaN where one of them
 * is of a single grey, which is like nothing.
 */
export function correlation(a: Uint8Array, b: Uint8Array): number {
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    sumA += x;
    sumB += y;
    squaresA += x * x;
    squaresB += y * y;
    products += x * y;
  }
  const n = a.length;
  const spread = (n * squaresA - sumA * sumA) * (n * squaresB - sumB * sumB);
  return spread === 0 ? Number.NaN : (n * products - sumA * sumB) / Math.sqrt(spread);
}
