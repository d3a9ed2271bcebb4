import { inflateSync } from 'node:zlib';
import type { ImageRows } from '@graft-ml/core/internal/image/evaluation-view';
import { decodeBmp, readBmpHeader } from '@graft-ml/core/internal/image/file/bmp';
import { assertWithinBounds, sizeBounds } from '@graft-ml/core/internal/image/file/bounds';
import { readGifHeader } from '@graft-ml/core/internal/image/file/gif';
import { HeaderError, type ImageFormat, type ImageHeader } from '@graft-ml/core/internal/image/file/header';
import { readJpegHeader } from '@graft-ml/core/internal/image/file/jpeg';
import { readPngHeader } from '@graft-ml/core/internal/image/file/png';
import { sniffFormat } from '@graft-ml/core/internal/image/file/sniff';
import { isOnItsSide } from '@graft-ml/core/internal/image/file/upright';
import { readWebpHeader } from '@graft-ml/core/internal/image/file/webp';
import { ImageError, type ImageProblemKind } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';
import { decodePlainPng } from '../plain-png.ts';
import { decodeRows, isTurned, measureAvif } from './libvips.ts';
import { readTiffHeader } from './tiff.ts';

/** Bounds on an image: on its size, and on what decoding may take. */
export const imageBounds = {
  ...sizeBounds,
  /** Bytes that decoding may hold at once: the file, what the decoder works with, and the rows that it hands over. */
  memory: 250e6,
} as const;

/** Up to so many bytes an image is decoded in one piece in the thread that asks, beyond in a process of its own. */
export const mostInThread = 128e6;
/** The number of bytes from which a garbage collection is worth its milliseconds. */
const muchMemory = 16e6;
/** The least worth decoding at once, in bytes: every band is decoded from the beginning of the file. */
const leastBand = 20e6;

/** An image whose header is read and found within bounds. Its sizes are those of the upright image. */
export interface OpenImage extends ImageRows {
  readonly format: ImageFormat;
  /** Decoding it may cost so much that it belongs in a process, which can be ended. */
  readonly isCostly: boolean;
  /** Decodes rows: all of them at once where that fits into `imageBounds.memory`. */
  decode: ImageRows['decode'];
}

/**
 * Formats whose decoders may do more than the size of an image says, so that they never run where they cannot be ended.
 */
export function isCostlyFormat(bytes: Uint8Array): boolean {
  const format = sniffFormat(bytes);
  return format === 'avif' || format === 'tiff';
}

/**
 * Opens what `bytes` hold, without decoding a pixel. @throws ImageError with `path` in it where that is no image within
 * bounds
 */
export async function openImage(bytes: Uint8Array, path: string, reading: ImageReading = {}): Promise<OpenImage> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = sniffFormat(file);
  if (format === undefined) throw notAnImage(path);
  const small = decodePlainPng(bytes);
  if (small) {
    return within(path, { ...small, format, isCostly: false, decode: async (_first, _last, use) => use(small, 0) });
  }
  return readHeader(bytes, path, reading);
}

/**
 * Opens an image like `openImage`, which decodes the smallest at once; here no pixel is decoded. @throws ImageError
 * like `openImage`
 */
export async function readHeader(bytes: Uint8Array, path: string, reading: ImageReading = {}): Promise<OpenImage> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = sniffFormat(file);
  if (format === undefined) throw notAnImage(path);
  try {
    const stored = await headerReaders[format](file);
    const header = reading.orientation === 'ignore' ? { ...stored, orientation: 1 as const } : stored;
    return fromHeader(file, header, path, reading);
  } catch (error) {
    if (error instanceof HeaderError) throw problem(path, error.kind, error.message);
    throw error;
  }
}

const headerReaders: { readonly [F in ImageFormat]: (file: Buffer) => ImageHeader | Promise<ImageHeader> } = {
  jpeg: readJpegHeader,
  png: (file) => readPngHeader(file, inflatesWithin),
  webp: readWebpHeader,
  gif: readGifHeader,
  tiff: readTiffHeader,
  bmp: readBmpHeader,
  avif: measureAvif,
};

function inflatesWithin(deflated: Uint8Array, most: number): boolean {
  try {
    inflateSync(deflated, { maxOutputLength: most });
    return true;
  } catch {
    return false;
  }
}

function fromHeader(file: Buffer, header: ImageHeader, path: string, reading: ImageReading): OpenImage {
  const { format, orientation, bare } = header;
  const isTransposed = isOnItsSide(orientation);
  const width = isTransposed ? header.height : header.width;
  const height = isTransposed ? header.width : header.height;
  // libvips turns a copy.
  const rowBytes = 3 * width * (isTurned(orientation) ? 2 : 1);
  const fixed = header.working + file.length + (bare === file ? 0 : bare.length);

  const band = async (first: number, last: number, use: (rows: RgbImage, top: number) => void) =>
    use(await decodeBand(file, header, first, last, path, reading), first);

  async function decode(first: number, last: number, use: (rows: RgbImage, top: number) => void): Promise<void> {
    const room = imageBounds.memory - fixed;
    if (room >= height * rowBytes) {
      await band(0, height, use);
      if (height * rowBytes > muchMemory) freeMemory();
      return;
    }
    const count = Math.ceil(((last - first) * rowBytes) / room);
    const edge = (i: number) => first + Math.round(((last - first) * i) / count);
    for (let i = 0; i < count; i++) {
      await band(edge(i), edge(i + 1), use);
      freeMemory();
    }
  }

  const isCostly = fixed + height * rowBytes > mostInThread;
  const opened = within(path, { format, width, height, isCostly, decode });
  const least = fixed + Math.min(height * rowBytes, leastBand);
  if (least > imageBounds.memory) {
    const [needed, most] = [least, imageBounds.memory].map((bytes) => Math.ceil(bytes / 1e6));
    const cause = header.working > leastBand ? ', because this file has to be decoded as a whole' : '';
    throw problem(
      path,
      'too-large',
      `decoding ${width} x ${height} pixels takes ${needed} MB, more than ${most}${cause}`,
    );
  }
  return opened;
}

/** An image that is within bounds. */
function within(path: string, image: OpenImage): OpenImage {
  assertWithinBounds(path, image);
  return image;
}

async function decodeBand(
  file: Buffer,
  header: ImageHeader,
  first: number,
  last: number,
  path: string,
  { colourProfile = 'apply' }: ImageReading,
): Promise<RgbImage> {
  try {
    if (header.format === 'bmp') return decodeBmp(file, first, last);
    return await decodeRows(header, first, last, { usesProfile: colourProfile === 'apply' });
  } catch (error) {
    if (error instanceof HeaderError) throw problem(path, error.kind, error.message);
    throw problem(path, ...diagnose(header.format, (error as Error).message));
  }
}

/** The problem that a message of libvips stands for. */
function diagnose(format: ImageFormat, message: string): [ImageProblemKind, string] {
  if (/out of memory/i.test(message)) return ['too-large', 'decoding it takes more memory than one image may'];
  if (/premature end|unexpected end/i.test(message)) return ['truncated', 'the file ends before the image does'];
  return ['unreadable', `damaged ${format}: ${message.split('\n').at(-1)?.trim()}`];
}

function notAnImage(path: string): ImageError {
  return problem(path, 'not-an-image', 'the content is neither JPEG, PNG, WebP, GIF, AVIF, TIFF nor BMP');
}

function problem(path: string, kind: ImageProblemKind, message: string): ImageError {
  return new ImageError({ path, kind, message });
}

/** Decodes the whole image in one piece. */
export async function wholeImage(image: OpenImage): Promise<RgbImage> {
  const { width, height } = image;
  let whole: RgbImage | undefined;
  await image.decode(0, height, (rows, top) => {
    whole ??= rows.height === height ? rows : { width, height, data: new Uint8Array(3 * width * height) };
    if (whole !== rows) whole.data.set(rows.data, 3 * width * top);
  });
  return whole!;
}

/** Decodes all of an image and keeps nothing of it. @throws ImageError (by rejection) where it is damaged */
export async function verifyImage(image: OpenImage): Promise<void> {
  await image.decode(0, image.height, () => {});
}

/**
 * Frees the pixels that nothing refers to any longer, where Node was started with --expose-gc: they are no memory of
 * V8's, which would let several bands pile up before it looks for garbage.
 */
export function freeMemory(): void {
  globalThis.gc?.();
}
