import { type EncodedImage, type ImageDecoder, rgbOf } from '@graft-ml/core/internal/image/decoder';
import { readAvifHeader } from '@graft-ml/core/internal/image/file/avif';
import { assertFileSize, assertWithinBounds } from '@graft-ml/core/internal/image/file/bounds';
import { readGifHeader } from '@graft-ml/core/internal/image/file/gif';
import { HeaderError, type ImageFormat, type ImageHeader } from '@graft-ml/core/internal/image/file/header';
import { readJpegHeader } from '@graft-ml/core/internal/image/file/jpeg';
import { readPngHeader } from '@graft-ml/core/internal/image/file/png';
import { foreignFormat, sniffFormat } from '@graft-ml/core/internal/image/file/sniff';
import { upright } from '@graft-ml/core/internal/image/file/upright';
import { readWebpHeader } from '@graft-ml/core/internal/image/file/webp';
import { ImageError, refuseImage } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';

/** Readers of the headers of what browsers decode. */
const headerReaders: { readonly [F in Exclude<ImageFormat, 'tiff' | 'bmp'>]: (file: Uint8Array) => ImageHeader } = {
  jpeg: readJpegHeader,
  png: readPngHeader,
  webp: readWebpHeader,
  gif: readGifHeader,
  avif: readAvifHeader,
};

/**
 * The browser's own decoder, through a canvas: JPEG, PNG, WebP, GIF (its first frame), AVIF and BMP, in a page or a
 * worker. Pixels equal those of Node's decoder for JPEG and for what has no alpha and no profile, and are within one
 * level of them otherwise. What it can cost is bounded by the header before a pixel is decoded; the content decides the
 * format, never the name.
 *
 * CMYK is refused: browsers bring ink to colours in other ways than Node does, by up to 27 levels.
 */
export function canvasDecoder(): ImageDecoder {
  return { identity: `canvas 1 · ${navigator.userAgent}`, decode };
}

/** @throws ImageError (by rejection) as `ImageDecoder` has it */
async function decode({ bytes, name }: EncodedImage, reading: ImageReading): Promise<RgbImage> {
  const format = formatOf(bytes, name);
  if (format === 'bmp') return bitmapOf(bytes, name);
  const header = explained(name, () => headerReaders[format](bytes));
  // The sides change places in images that lie on their side, which no bound tells apart.
  assertWithinBounds(name, header);
  if (header.isInk) {
    refuseImage(
      name,
      'unreadable',
      'its colours are CMYK, which browsers do not turn into light alike; save it as RGB',
    );
  }
  const stored = await drawn(header, name, reading);
  return reading.orientation === 'ignore' ? stored : upright(stored, header.orientation);
}

function formatOf(bytes: Uint8Array, name: string): Exclude<ImageFormat, 'tiff'> {
  if (bytes.length === 0) refuseImage(name, 'empty-file', 'the file has 0 bytes');
  assertFileSize(name, bytes.length);
  const format = sniffFormat(bytes);
  if (format === 'tiff') refuseImage(name, 'not-an-image', 'the content is TIFF, which browsers do not decode');
  if (format !== undefined) return format;
  const foreign = foreignFormat(bytes.subarray(0, 64));
  return refuseImage(name, 'not-an-image', foreign ?? 'the content is neither JPEG, PNG, WebP, GIF, AVIF nor BMP');
}

/** Bitmaps are rare: their decoder is loaded with the first one. */
async function bitmapOf(bytes: Uint8Array, name: string): Promise<RgbImage> {
  const { decodeBmp, readBmpHeader } = await import('@graft-ml/core/internal/image/file/bmp');
  assertWithinBounds(
    name,
    explained(name, () => readBmpHeader(bytes)),
  );
  return explained(name, () => decodeBmp(bytes));
}

/** Reads the pixels off a canvas. It is white, which shows where the image is transparent. */
async function drawn(
  { format, width, height, bare }: ImageHeader,
  name: string,
  { colourProfile = 'apply' }: ImageReading,
): Promise<RgbImage> {
  const bitmap = await createImageBitmap(new Blob([bare as Uint8Array<ArrayBuffer>], { type: `image/${format}` }), {
    imageOrientation: 'none',
    premultiplyAlpha: 'none',
    colorSpaceConversion: colourProfile === 'apply' ? 'default' : 'none',
  }).catch((error: Error) => refuseImage(name, 'unreadable', `damaged ${format}: ${error.message}`));
  try {
    // How an AVIF is turned, and made up of tiles, only the decoder knows.
    if (format !== 'avif' && (bitmap.width !== width || bitmap.height !== height)) {
      refuseImage(
        name,
        'unreadable',
        `${bitmap.width} x ${bitmap.height} pixels where its header says ${width} x ${height}`,
      );
    }
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d', { colorSpace: 'srgb', willReadFrequently: true, alpha: false });
    if (context === null)
      return refuseImage(name, 'too-large', `no canvas of ${width} x ${height} pixels can be had here`);
    context.fillStyle = '#ffffff';
    context.fillRect(0, 0, bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    return rgbOf(context.getImageData(0, 0, bitmap.width, bitmap.height));
  } catch (error) {
    if (error instanceof ImageError) throw error;
    return refuseImage(
      name,
      'too-large',
      `${width} x ${height} pixels cannot be held here (${(error as Error).message})`,
    );
  } finally {
    bitmap.close();
  }
}

function explained<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof HeaderError) return refuseImage(name, error.kind, error.message);
    throw error;
  }
}
