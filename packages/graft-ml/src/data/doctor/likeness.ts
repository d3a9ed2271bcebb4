import type { ImageFormat } from '@graft-ml/core/internal/image/file/header';
import type { Box, ResizeTarget } from '@graft-ml/core/internal/image/resize';
import type { Size } from '@graft-ml/core/internal/image/transform';
import { resizeImage } from '@graft-ml/core/internal/image/view';
import type { ImageFacts } from '../decode.ts';
import type { OpenImage } from '../image/open.ts';

/** A likeness of an image: enough to recognise it after it was resized, recompressed or lightened. */
export interface Likeness {
  /** The 64-bit difference hash as four words of 16 bits. Alike images differ in few bits. */
  readonly hash: Uint16Array;
  /** Grey levels (16, 16). */
  readonly thumbnail: Uint8Array;
}

/** The facts about an image that could be read and decoded. */
export interface Examination extends ImageFacts {
  /** The format of the content, whatever the name says. */
  readonly format: ImageFormat;
  readonly likeness: Likeness;
}

/** Decodes an image. @throws ImageError (by rejection) where it cannot be used */
export async function examineImage(image: OpenImage, facts: ImageFacts): Promise<Examination> {
  const likeness = likenessFrom(await resizeImage(image, likenessViews(image)));
  return { ...facts, format: image.format, likeness };
}

export const thumbnailSide = 16;

/** Levels by which the right neighbour has to be lighter: what JPEG leaves of an even ground is no slope. */
const slope = 1;

/**
 * The resized copies that a likeness is made of: 9 x 8 for the hash, and the thumbnail. The image's shape is
 * disregarded.
 */
export function likenessViews({ width, height }: Size): { readonly box: Box; readonly target: ResizeTarget }[] {
  const box = { left: 0, top: 0, width, height };
  return [hashGrid, { width: thumbnailSide, height: thumbnailSide }].map((target) => ({ box, target }));
}

/** The likeness of an upright image, of its planar `likenessViews`. */
export function likenessFrom([grid, thumbnail]: readonly Uint8Array[]): Likeness {
  return { hash: differenceHash(greyOf(grid!)), thumbnail: greyOf(thumbnail!) };
}

const hashGrid = { width: 9, height: 8 } as const;

/**
 * Bit (row, column) says whether the grey level rises from cell (row, column) to the next on the right, in a grid of 8
 * x 9 cells. (After N. Krawetz's dHash, 2013.)
 */
function differenceHash(cells: Uint8Array): Uint16Array {
  const hash = new Uint16Array(4);
  for (let bit = 0; bit < 64; bit++) {
    const cell = (bit >> 3) * 9 + (bit & 7);
    if (cells[cell + 1]! - cells[cell]! > slope) hash[bit >> 4]! |= 1 << (bit & 15);
  }
  return hash;
}

/** Grey levels of planes of red, green and blue. */
function greyOf(planes: Uint8Array): Uint8Array {
  const area = planes.length / 3;
  return Uint8Array.from({ length: area }, (_, i) =>
    Math.round(0.299 * planes[i]! + 0.587 * planes[area + i]! + 0.114 * planes[2 * area + i]!),
  );
}

/**
 * Pearson's correlation of two thumbnails: 1 for the same image, whatever its brightness and contrast. NaN where one of
 * them is of a single grey, which is like nothing.
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
