import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { cutShort, HeaderError, type ImageHeader, type Orientation } from '@graft-ml/core/internal/image/file/header';
import { isOnItsSide } from '@graft-ml/core/internal/image/file/upright';
import type { Box, RgbImage } from '@graft-ml/core/internal/image/resize';
import sharp, { type Sharp } from 'sharp';

/** The loaders of libvips for the formats that are read. None reads files, addresses or scripts. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((format) => `VipsForeignLoad${format}`);

/** Threads that are started from now on know that it was done. */
const done = 'graft: loaders are restricted';

/**
 * Blocks all other loaders of libvips, which chooses one by the content: SVG's takes any file with `<svg` in its first
 * kilobyte. They are blocked for the whole process, also for an application that uses sharp beside Graft; so this waits
 * until images are about to be decoded.
 *
 * Once in a process: for a moment all loaders are blocked, and what another thread decodes then would fail. So whoever
 * starts threads that decode calls it first.
 */
export function restrictLoaders(): void {
  if (getEnvironmentData(done)) return;
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: [...loaders] });
  setEnvironmentData(done, true);
}

/**
 * The time after which libvips gives up by itself, in seconds: for busy machines, because a sound image of any size
 * takes a few.
 */
const secondsToDecode = 300;

/** The operations that make a stored image upright: first flipped, then turned clockwise. */
interface Turn {
  readonly flip?: true;
  readonly flop?: true;
  readonly angle?: 90 | 180 | 270;
}

const turns: { readonly [O in Orientation]: Turn } = {
  1: {},
  2: { flop: true },
  3: { angle: 180 },
  4: { flip: true },
  5: { flip: true, angle: 90 },
  6: { angle: 90 },
  7: { flip: true, angle: 270 },
  8: { angle: 270 },
};

/** Whether libvips has to hold what it decodes as a whole before it can hand it over. */
export function isTurned(orientation: Orientation): boolean {
  return orientation > 2;
}

export interface ColourOptions {
  /** Whether an embedded colour profile is applied. */
  readonly usesProfile: boolean;
}

/**
 * Decodes rows [first, last) of the upright image to 8-bit RGB. Greyscale, palette, 16-bit and CMYK become sRGB; what
 * is transparent becomes white.
 */
export async function decodeRows(
  header: ImageHeader,
  first: number,
  last: number,
  { usesProfile }: ColourOptions,
): Promise<RgbImage> {
  restrictLoaders();
  const { bare, width, height, orientation } = header;
  const { flip, flop, angle } = turns[orientation];
  let image = sharp(bare, { failOn: 'error', limitInputPixels: width * height, ignoreIcc: !usesProfile });
  const part = storedPart(header, first, last);
  if (part.width < width || part.height < height) image = image.extract(part);
  if (flip) image = image.flip();
  if (flop) image = image.flop();
  if (angle) image = image.rotate(angle);
  // Through a profile, sharp brings 16-bit colours to Display P3 and then takes them for sRGB; 8-bit ones it does
  // right.
  if (usesProfile && header.isDeepWithProfile) image = image.pipelineColourspace('srgb');
  const isPlainInk = header.isInk === true && !usesProfile;
  const { data, info } = await (isPlainInk ? toInk(image) : toRgb(image)).toBuffer({ resolveWithObject: true });
  if (info.channels !== (isPlainInk ? 4 : 3)) {
    throw new Error(`${info.channels} channels where red, green and blue are expected`);
  }
  const seen = isOnItsSide(orientation) ? [part.height, part.width] : [part.width, part.height];
  if (info.width !== seen[0] || info.height !== seen[1]) {
    throw new Error(`${info.width} x ${info.height} pixels where its header says ${seen.join(' x ')}`);
  }
  return { width: info.width, height: info.height, data: isPlainInk ? lightThrough(data) : data };
}

function toInk(image: Sharp): Sharp {
  const raw = image.timeout({ seconds: secondsToDecode }).pipelineColourspace('cmyk').toColourspace('cmyk');
  return raw.raw({ depth: 'uchar' });
}

/**
 * RGB of CMYK as in Pillow's `convert`, which knows no profile: light that passes the colour and then the black,
 * rounded after each.
 */
function lightThrough(ink: Uint8Array): Uint8Array {
  const data = new Uint8Array((ink.length / 4) * 3);
  for (let from = 0, to = 0; from < ink.length; from += 4) {
    const passed = 255 - ink[from + 3]!;
    for (let c = 0; c < 3; c++) data[to++] = Math.max(0, passed - byteProduct(ink[from + c]!, passed));
  }
  return data;
}

/** a · b / 255, rounded (MULDIV255 in Pillow's ImagingUtils.h). */
function byteProduct(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

function toRgb(image: Sharp): Sharp {
  return image
    .timeout({ seconds: secondsToDecode })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' });
}

/** The part of the stored image that holds rows [first, last) of the upright one. */
function storedPart({ width, height, orientation }: ImageHeader, first: number, last: number): Box {
  const isFromTheEnd = [3, 4, 7, 8].includes(orientation);
  if (isOnItsSide(orientation)) {
    return { left: isFromTheEnd ? width - last : first, top: 0, width: last - first, height };
  }
  return { left: 0, top: isFromTheEnd ? height - last : first, width, height: last - first };
}

/**
 * The header of an AVIF, as libheif reads it, which turns and mirrors by itself. Its boxes refer to each other by their
 * places in the file, so that none is taken out.
 */
export async function measureAvif(bare: Buffer): Promise<ImageHeader> {
  restrictLoaders();
  try {
    const { width, height, depth, hasProfile } = await sharp(bare, { limitInputPixels: false }).metadata();
    // Measured, with libaom's buffers: more where it has more than 8 bits.
    const working = width * height * (depth === 'uchar' ? 15 : 27);
    return {
      format: 'avif',
      width,
      height,
      orientation: 1,
      working,
      isDeepWithProfile: hasProfile && depth === 'ushort',
      bare,
    };
  } catch (error) {
    const message = (error as Error).message.split('\n').at(-1)?.trim();
    if (/end|truncat/i.test(message ?? '')) throw cutShort();
    throw new HeaderError('unreadable', `damaged avif: ${message}`);
  }
}
