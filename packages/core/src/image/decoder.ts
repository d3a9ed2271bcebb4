import type { RgbImage } from './resize.ts';
import type { ImageReading } from './transform.ts';

/** The content of an image file. */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  /** The image's name in messages. */
  readonly name: string;
}

/**
 * Decodes image files: libvips in Node, the browser's own decoder on the web, or a program's own for formats that
 * neither knows. What follows (resize, crop, augmentation) is the same for all of them.
 */
export interface ImageDecoder {
  /**
   * A name and a version, which change with whatever may change a pixel or what can be decoded at all. A key of caches.
   */
  readonly identity: string;
  /**
   * Decodes an image to 8-bit sRGB, upright, with white where it is transparent.
   * @throws ImageError (by rejection) with the name in it where it cannot be used
   */
  decode(image: EncodedImage, reading: ImageReading): Promise<RgbImage>;
}

/** An image that is decoded: 8 bits a channel, RGB or RGBA (not premultiplied), interleaved; `ImageData` is one. */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** (height, width, 3) or (height, width, 4) */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * The same image without its alpha channel, laid on white as the decoders do. @throws RangeError where the data does
 * not fit the size
 */
export function rgbOf({ width, height, data }: PixelImage): RgbImage {
  const pixels = width * height;
  if (!(Number.isInteger(width) && Number.isInteger(height) && pixels > 0)) {
    throw new RangeError(`An image of ${width} x ${height} pixels: expected whole numbers of at least 1.`);
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (bytes.length === 3 * pixels) return { width, height, data: bytes };
  if (bytes.length !== 4 * pixels) {
    throw new RangeError(
      `An image of ${width} x ${height} pixels has ${bytes.length} bytes; expected ${3 * pixels} (RGB) or ` +
        `${4 * pixels} (RGBA).`,
    );
  }
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const alpha = bytes[4 * i + 3]!;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = Math.trunc((bytes[4 * i + c]! * alpha + 255 * (255 - alpha)) / 255);
  }
  return { width, height, data: rgb };
}
