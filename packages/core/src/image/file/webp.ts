import { holdsText, textAt, viewBytes } from './bytes.ts';
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
export function readWebpHeader(file: Uint8Array): ImageHeader {
  if (file.length < 12 || viewBytes(file).getUint32(4, true) + 8 > file.length) throw cutShort();
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

function* chunksOf(file: Uint8Array): Generator<Chunk> {
  const view = viewBytes(file);
  const whole = Math.min(file.length, viewBytes(file).getUint32(4, true) + 8);
  for (let at = 12; at + 8 <= whole; ) {
    const end = at + 8 + view.getUint32(at + 4, true);
    if (end > whole) return;
    yield { type: textAt(file, at, at + 4), start: at + 8, end };
    at = end + (end % 2);
  }
}

function* neededOf(file: Uint8Array): Generator<Segment> {
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
function repaired(bare: Uint8Array): Uint8Array {
  viewBytes(bare).setUint32(4, bare.length - 8, true);
  const flags = { profile: 0x20, exif: 0x08, xmp: 0x04 };
  if (holdsText(bare, 'VP8X', 12)) {
    const hasProfile = [...chunksOf(bare)].some(({ type }) => type === 'ICCP');
    bare[20]! &= ~(flags.exif | flags.xmp | (hasProfile ? 0 : flags.profile));
  }
  return bare;
}

function sizeIn(type: string, body: Uint8Array): { width: number; height: number } | undefined {
  const view = viewBytes(body);
  if (type === 'VP8X' && body.length >= 10) {
    const [width, height] = [4, 7].map((at) => (view.getUint32(at - 1, true) >>> 8) + 1) as [number, number];
    return { width, height };
  }
  if (type === 'VP8 ' && body.length >= 10) {
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
  }
  if (type === 'VP8L' && body.length >= 5) {
    const bits = view.getUint32(1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  return undefined;
}

/** Some writers put JPEG's mark before the data. */
function exifOrientation(body: Uint8Array): Orientation {
  return orientationIn(holdsText(body, 'Exif\0\0') ? body.subarray(6) : body);
}
