import { orientationIn } from './exif.ts';
import {
  cutShort,
  HeaderError,
  type ImageHeader,
  mostProfileBytes,
  type Orientation,
  onlyNeeded,
  type Segment,
} from './header.ts';

/** The header of a WebP file (RFC 9649). Metadata goes, and of an animation all frames but the first. */
export function readWebpHeader(file: Buffer): ImageHeader {
  if (file.length < 12 || file.readUInt32LE(4) + 8 > file.length) throw cutShort();
  let size: { width: number; height: number } | undefined;
  let orientation: Orientation = 1;
  let isLossy = false;
  for (const { type, start, end } of chunksOf(file)) {
    size ??= sizeIn(type, file.subarray(start, end));
    // Without a header for more, it is one lossy frame.
    isLossy ||= type === 'VP8 ' && start === 20;
    if (type === 'EXIF' && end - start <= 2 ** 16) orientation = exifOrientation(file.subarray(start, end));
  }
  if (!size) throw new HeaderError('unreadable', 'damaged webp: it has no size');
  const bare = onlyNeeded(file, () => neededOf(file));
  return {
    format: 'webp',
    ...size,
    orientation,
    working: size.width * size.height * (isLossy ? workingBytes.lossy : workingBytes.other),
    bare: bare === file ? file : repaired(bare),
  };
}

/**
 * Bytes that libwebp holds for each pixel of a frame, which it decodes as a whole: measured. More for lossless images
 * or alpha.
 */
const workingBytes = { lossy: 7, other: 9 } as const;

interface Chunk {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function* chunksOf(file: Buffer): Generator<Chunk> {
  const whole = Math.min(file.length, file.readUInt32LE(4) + 8);
  for (let at = 12; at + 8 <= whole; ) {
    const end = at + 8 + file.readUInt32LE(at + 4);
    if (end > whole) return;
    yield { type: file.toString('latin1', at, at + 4), start: at + 8, end };
    at = end + (end % 2);
  }
}

function* neededOf(file: Buffer): Generator<Segment> {
  yield { start: 0, end: 12, isNeeded: true };
  const seen = new Set<string>();
  for (const { type, start, end } of chunksOf(file)) {
    const isPixels = ['VP8X', 'VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ANMF'].includes(type);
    const isProfile = type === 'ICCP' && end - start <= mostProfileBytes;
    yield {
      start: start - 8,
      end: Math.min(end + (end % 2), file.length),
      isNeeded: (isPixels || isProfile) && !seen.has(type),
    };
    seen.add(type);
  }
}

/** The file with its new length, and without the flags of the chunks that were removed. */
function repaired(bare: Buffer): Buffer {
  bare.writeUInt32LE(bare.length - 8, 4);
  const flags = { profile: 0x20, exif: 0x08, xmp: 0x04 };
  if (bare.toString('latin1', 12, 16) === 'VP8X') {
    const hasProfile = [...chunksOf(bare)].some(({ type }) => type === 'ICCP');
    bare[20]! &= ~(flags.exif | flags.xmp | (hasProfile ? 0 : flags.profile));
  }
  return bare;
}

function sizeIn(type: string, body: Buffer): { width: number; height: number } | undefined {
  if (type === 'VP8X' && body.length >= 10)
    return { width: body.readUIntLE(4, 3) + 1, height: body.readUIntLE(7, 3) + 1 };
  if (type === 'VP8 ' && body.length >= 10) {
    return { width: body.readUInt16LE(6) & 0x3fff, height: body.readUInt16LE(8) & 0x3fff };
  }
  if (type === 'VP8L' && body.length >= 5) {
    const bits = body.readUInt32LE(1);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  return undefined;
}

/** Some writers put JPEG's mark before the data. */
function exifOrientation(body: Buffer): Orientation {
  return orientationIn(body.toString('latin1', 0, 6) === 'Exif\0\0' ? body.subarray(6) : body);
}
