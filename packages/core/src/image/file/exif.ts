import { textAt, viewBytes } from './bytes.ts';
import type { Orientation } from './header.ts';

/** Tags of TIFF 6.0, which EXIF shares. */
export const tiffTags = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  tileWidth: 322,
  tileHeight: 323,
  sampleFormat: 339,
  profile: 34675,
} as const;

/** Bytes of the whole numbers that tags hold, by TIFF's code for their type: BYTE, SHORT, LONG, UNDEFINED. */
const bytesOfType: ReadonlyMap<number, 1 | 2 | 4> = new Map([
  [1, 1],
  [3, 2],
  [4, 4],
  [7, 1],
]);

/**
 * The whole numbers in the first directory of a TIFF file, or of the EXIF data of another one, by their tag; the first
 * where a tag has several. Empty where it is none.
 */
export function readTags(tiff: Uint8Array): ReadonlyMap<number, number> {
  const tags = new Map<number, number>();
  const order = textAt(tiff, 0, 4);
  const isLittle = order === 'II*\0';
  if (tiff.length < 8 || !(isLittle || order === 'MM\0*')) return tags;
  const view = viewBytes(tiff);
  const read = (at: number, bytes: 1 | 2 | 4) => {
    if (bytes === 1) return view.getUint8(at);
    return bytes === 2 ? view.getUint16(at, isLittle) : view.getUint32(at, isLittle);
  };

  const directory = read(4, 4);
  if (directory + 2 > tiff.length) return tags;
  const count = read(directory, 2);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.length) break;
    const bytes = bytesOfType.get(read(entry + 2, 2));
    if (bytes === undefined) continue;
    const isInside = read(entry + 4, 4) * bytes <= 4;
    const at = isInside ? entry + 8 : read(entry + 8, 4);
    const tag = read(entry, 2);
    if (at + bytes <= tiff.length && !tags.has(tag)) tags.set(tag, read(at, bytes));
  }
  return tags;
}

/** The orientation in EXIF data, which is a TIFF file without pixels. 1 where it says none that exists. */
export function orientationIn(exif: Uint8Array): Orientation {
  return orientationOf(readTags(exif));
}

export function orientationOf(tags: ReadonlyMap<number, number>): Orientation {
  const value = tags.get(tiffTags.orientation);
  return isOrientation(value) ? value : 1;
}

function isOrientation(value: number | undefined): value is Orientation {
  return value !== undefined && value >= 1 && value <= 8;
}
