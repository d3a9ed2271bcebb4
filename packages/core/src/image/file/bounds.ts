import { refuseImage } from '../problem.ts';
import type { Size } from '../transform.ts';

/** Bounds on the size of an image. Files are hostile: a kilobyte of PNG can unpack to gigabytes. */
export const sizeBounds = {
  /** Width times height. */
  pixels: 100e6,
  /** The shorter side, in pixels. */
  minimumSide: 4,
  /** The longer side, in pixels: what JPEG can have. */
  maximumSide: 65_535,
  /** Bytes of a file. */
  fileBytes: 256 * 2 ** 20,
} as const;

/** @throws ImageError with `path` in it where an image has too few or too many pixels */
export function assertWithinBounds(path: string, { width, height }: Size): void {
  const { pixels, minimumSide, maximumSide } = sizeBounds;
  const size = `${width} x ${height} pixels`;
  if (width * height > pixels) refuseImage(path, 'too-large', `${size}, more than ${pixels / 1e6} million`);
  if (Math.max(width, height) > maximumSide) {
    refuseImage(path, 'too-large', `${size}, at most ${maximumSide} on each side are read`);
  }
  if (Math.min(width, height) < minimumSide) {
    refuseImage(path, 'too-small', `${size}, at least ${minimumSide} on each side are needed`);
  }
}

/** @throws ImageError with `path` in it where a file is larger than is read */
export function assertFileSize(path: string, bytes: number): void {
  const { fileBytes } = sizeBounds;
  if (bytes > fileBytes) refuseImage(path, 'too-large', `the file has ${bytes} bytes, more than ${fileBytes}`);
}
