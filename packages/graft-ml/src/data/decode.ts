import { readFileSync, statSync } from 'node:fs';
import { ImageError, type ImageProblemKind } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';
import { systemReason } from '../files/read.ts';
import { readWithin, type Within } from '../files/within.ts';
import { imageBounds, openImage, wholeImage } from './image/open.ts';

export type { ImageFacts } from '@graft-ml/core/internal/image/dataset';
export type { ImageFormat } from '@graft-ml/core/internal/image/file/header';
export { sniffFormat } from '@graft-ml/core/internal/image/file/sniff';

/** Bounds on the files of images. */
export const imageFileBounds = {
  ...imageBounds,
  /** The time that decoding may take, in seconds. */
  seconds: 60,
} as const;

/**
 * An image on disk: a file of its own, or, with `within`, a part of one; or its content in memory. Then `path` is its
 * name in messages.
 */
export interface ImageFile {
  readonly path: string;
  readonly within?: Within;
  readonly bytes?: Uint8Array;
}

/**
 * The bytes of an image file. The calls are synchronous, because a thread that reads images waits for them anyway, and
 * each trip through the event loop would cost more than a small file.
 *
 * @throws ImageError where it is missing, not a plain file, empty or too large
 */
export async function readImageFile({ path, within, bytes }: ImageFile): Promise<Buffer> {
  const fail = problemAt(path);
  const assertSize = (size: number, largest: number) => {
    if (size === 0) fail('empty-file', 'the file has 0 bytes');
    if (largest <= imageFileBounds.fileBytes) return;
    fail('too-large', `the file has ${largest} bytes, more than ${imageFileBounds.fileBytes}`);
  };
  if (bytes) {
    assertSize(bytes.length, bytes.length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  const reading = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return fail('unreadable', 'there is no such file');
      return fail('unreadable', `the file cannot be read: ${systemReason(error as Error)}`);
    }
  };
  const status = reading(() => statSync(within?.file ?? path));
  if (!status.isFile()) return fail('unreadable', 'this is not a plain file');
  const { size, largest } = sizesOf(status.size, within);
  assertSize(size, largest);
  return reading(() => (within ? readWithin(within) : readFileSync(path)));
}

/** The size of an image file before it is read, in bytes; 0 where it is unknown, which reading it explains. */
export function fileBytes({ path, within, bytes }: ImageFile): number {
  if (bytes) return bytes.length;
  const onDisk = () => {
    try {
      return statSync(path).size;
    } catch {
      return 0; // it is gone, a link to itself, in a folder that may not be entered, …
    }
  };
  return sizesOf(within ? 0 : onDisk(), within).largest;
}

/** The size of the image's file, and the largest that would fit in memory. */
function sizesOf(onDisk: number, within: Within | undefined): { size: number; largest: number } {
  const size = within ? (within.zip?.size ?? within.length) : onDisk;
  return { size, largest: Math.max(size, within?.length ?? 0) };
}

/**
 * Decodes a JPEG, PNG, WebP, GIF (its first frame), AVIF, TIFF (its first image) or BMP to 8-bit RGB, upright as its
 * EXIF orientation says, in the thread that asks, and in one piece.
 *
 * Greyscale, palette, 16-bit and CMYK images become sRGB, through their colour profile where they carry one; what is
 * transparent becomes white. The first bytes decide the format, never the name; no other decoder of libvips is reached.
 *
 * @throws ImageError with `path` in it where the bytes are no such image, damaged, or out of `imageFileBounds`
 */
export async function decodeImage(bytes: Uint8Array, path: string, reading: ImageReading = {}): Promise<RgbImage> {
  return wholeImage(await openImage(bytes, path, reading));
}

function problemAt(path: string): (kind: ImageProblemKind, message: string) => never {
  return (kind, message) => {
    throw new ImageError({ path, kind, message });
  };
}
