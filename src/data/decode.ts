import { readFileSync, statSync } from 'node:fs';
import sharp from 'sharp';
import { readWithin, type Within } from '../files/within.ts';
import { decodePlainPng } from './plain-png.ts';
import { PictureError, type PictureProblemKind } from './problem.ts';
import type { RgbImage } from './resize.ts';

/** What a file may be at most, and a picture at least. Files are hostile: a kilobyte of PNG can unpack to gigabytes. */
export const pictureBounds = {
  /** Bytes of a file, checked before it is read. */
  fileBytes: 256 * 2 ** 20,
  /** Width times height, checked from the header before the pixels are decoded. */
  pixels: 100e6,
  /** The shorter side, in pixels. */
  minimumSide: 4,
  /** The time that decoding may take, in seconds. */
  seconds: 60,
} as const;

export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';

/** A picture on disk: a file of its own, or, with `within`, a part of one. Then `path` is what people read. */
export interface PictureFile {
  readonly path: string;
  readonly within?: Within;
}

/**
 * The bytes of a picture file. The calls are synchronous, because who reads pictures is a thread that waits for them: each way through
 * the event loop would cost more than a small file.
 *
 * @throws PictureError where it is missing, not a plain file, empty or too large
 */
export async function readPictureFile({ path, within }: PictureFile): Promise<Buffer> {
  const fail = problemAt(path);
  const reading = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      return fail('unreadable', `the file cannot be read: ${(error as Error).message}`);
    }
  };
  const status = reading(() => statSync(within?.file ?? path));
  if (!status.isFile()) return fail('unreadable', 'this is not a plain file');
  const size = within ? (within.zip?.size ?? within.length) : status.size;
  const largest = Math.max(size, within?.length ?? 0);
  if (size === 0) return fail('empty-file', 'the file has 0 bytes');
  if (largest > pictureBounds.fileBytes) {
    return fail('too-large', `the file has ${largest} bytes, more than ${pictureBounds.fileBytes}`);
  }
  return reading(() => (within ? readWithin(within) : readFileSync(path)));
}

/**
 * Decodes a JPEG, PNG, WebP, GIF (its first frame) or AVIF to 8-bit RGB, upright as its EXIF orientation says.
 *
 * Greyscale, palette, 16-bit and CMYK pictures become sRGB, through their colour profile where they carry one; what is
 * transparent becomes white. Which format it is, its first bytes say, never its name; no other decoder of libvips is reached.
 *
 * @throws PictureError with `path` in it where the bytes are no such picture, damaged, or out of `pictureBounds`
 */
export async function decodePicture(bytes: Uint8Array, path: string): Promise<RgbImage> {
  const fail = problemAt(path);
  const format = sniffFormat(bytes);
  if (format === undefined) return fail('not-a-picture', 'the content is neither JPEG, PNG, WebP, GIF nor AVIF');

  const { width, height, data } = decodePlainPng(bytes) ?? (await decodeWithSharp(bytes, path, format));
  if (Math.min(width, height) < pictureBounds.minimumSide) {
    return fail(
      'too-small',
      `${width} x ${height} pixels, at least ${pictureBounds.minimumSide} on each side are needed`,
    );
  }
  return { width, height, data };
}

async function decodeWithSharp(bytes: Uint8Array, path: string, format: PictureFormat): Promise<RgbImage> {
  const fail = problemAt(path);
  const { data, info } = await sharp(bytes, {
    autoOrient: true,
    failOn: 'error',
    limitInputPixels: pictureBounds.pixels,
  })
    .timeout({ seconds: pictureBounds.seconds })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(async (error: Error) => fail(...(await diagnose(bytes, format, error.message))));

  const { width, height, channels } = info;
  if (channels !== 3) throw new Error(`decodePicture: expected 3 channels, sharp gave ${channels} for ${path}`);
  return { width, height, data };
}

function problemAt(path: string): (kind: PictureProblemKind, message: string) => never {
  return (kind, message) => {
    throw new PictureError({ path, kind, message });
  };
}

/** The format that the first bytes announce. */
export function sniffFormat(bytes: Uint8Array): PictureFormat | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'gif';
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp';
  // The brand `mif1` of any HEIF file comes with the brand of its codec among the compatible ones.
  if (text.startsWith('ftyp', 4) && /avi[fs]/.test(text.slice(8))) return 'avif';
  return undefined;
}

/** Which problem libvips' message about `bytes` stands for. */
async function diagnose(
  bytes: Uint8Array,
  format: PictureFormat,
  message: string,
): Promise<[PictureProblemKind, string]> {
  if (message.includes('exceeds pixel limit')) {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return ['too-large', `${width} x ${height} pixels, more than ${pictureBounds.pixels / 1e6} million`];
  }
  if (isCutShort(bytes, format, message)) return ['truncated', 'the file ends before the picture does'];
  return ['unreadable', `damaged ${format}: ${message.split('\n').at(-1)?.trim()}`];
}

function isCutShort(bytes: Uint8Array, format: PictureFormat, message: string): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (format === 'png') return !view.includes('IEND');
  if (format === 'webp') return view.length < 12 || view.readUInt32LE(4) + 8 > view.length;
  return /premature end|unexpected end/i.test(message);
}
