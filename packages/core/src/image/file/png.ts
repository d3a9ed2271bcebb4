import { textAt, viewBytes } from './bytes.ts';
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

const signatureBytes = 8;
/**
 * Ancillary chunks that say what the samples mean, and how long they may be. All others are texts, times and the like.
 */
const meaningful: ReadonlyMap<string, number> = new Map([
  ['tRNS', 512],
  ['sRGB', 1],
  ['gAMA', 4],
  ['cHRM', 32],
  // Useless, but too small to be worth a copy of the file without them.
  ['pHYs', 9],
  ['tIME', 7],
  ['bKGD', 6],
  ['sBIT', 4],
]);
/** Samples of a pixel as libvips hands it on, by colour type: a palette becomes RGB. */
const samplesOf: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 3],
  [4, 2],
  [6, 4],
]);
/** The most that deflate makes of a byte. */
const mostInflation = 1032;

/** Whether deflated bytes inflate, to at most so many. */
export type InflatesWithin = (deflated: Uint8Array, most: number) => boolean;

interface Chunk {
  readonly type: string;
  /** The start of the body. */
  readonly start: number;
  readonly length: number;
}

/**
 * The header of a PNG (https://www.w3.org/TR/png-3/). Text chunks go, because libpng inflates them all before it looks
 * at a pixel: 40 MB from 40 KB, as many times as there are chunks.
 *
 * @param inflates decides on long colour profiles. Default: they go, too
 */
export function readPngHeader(file: Uint8Array, inflates?: InflatesWithin): ImageHeader {
  let orientation: Orientation = 1;
  let [isComplete, hasProfile] = [false, false];
  for (const { type, start, length } of chunksOf(file)) {
    if (type === 'eXIf' && length <= 2 ** 16) orientation = orientationIn(file.subarray(start, start + length));
    if (type === 'iCCP') hasProfile = true;
    if (type === 'IEND') isComplete = true;
  }
  if (!isComplete) throw cutShort();
  const [first] = chunksOf(file);
  if (first?.type !== 'IHDR' || first.length !== 13) {
    throw new HeaderError('unreadable', 'damaged png: it does not begin with its header');
  }
  const view = viewBytes(file);
  const [width, height] = [view.getUint32(first.start), view.getUint32(first.start + 4)];
  const [depth, colour, isInterlaced] = [first.start + 8, first.start + 9, first.start + 12].map((at) => file[at]!);
  const pixelBytes = (samplesOf.get(colour!) ?? 4) * (depth === 16 ? 2 : 1);
  return {
    format: 'png',
    width,
    height,
    orientation,
    working: isInterlaced ? width * height * pixelBytes : 0,
    isDeepWithProfile: hasProfile && depth === 16 && (colour === 2 || colour === 6),
    bare: onlyNeeded(file, () => segmentsOf(file, inflates)),
  };
}

/** The chunks up to and with IEND, as far as they are whole. */
function* chunksOf(file: Uint8Array): Generator<Chunk> {
  const view = viewBytes(file);
  for (let at = signatureBytes; at + 12 <= file.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > file.length) return;
    const type = textAt(file, at + 4, at + 8);
    yield { type, start: at + 8, length };
    if (type === 'IEND') return;
    at += 12 + length;
  }
}

function* segmentsOf(file: Uint8Array, inflates: InflatesWithin | undefined): Generator<Segment> {
  yield { start: 0, end: signatureBytes, isNeeded: true };
  const seen = new Set<string>();
  for (const chunk of chunksOf(file)) {
    const { type, start, length } = chunk;
    // A capital first letter says that a chunk is critical. libpng refuses those it does not know.
    const isCritical = (file[start - 4]! & 0x20) === 0;
    const isNeeded = isCritical || (!seen.has(type) && isMeaningful(file, chunk, inflates));
    if (!isCritical && isNeeded) seen.add(type);
    yield { start: start - 8, end: start + length + 4, isNeeded };
  }
}

function isMeaningful(file: Uint8Array, { type, start, length }: Chunk, inflates?: InflatesWithin): boolean {
  if (type !== 'iCCP') return length <= (meaningful.get(type) ?? -1);
  if (length * mostInflation <= mostProfileBytes) return true;
  // A name of up to 79 bytes, a zero, the method 0, and the profile.
  const name = file.subarray(start, start + Math.min(length, 80)).indexOf(0);
  return name >= 0 && inflates?.(file.subarray(start + name + 2, start + length), mostProfileBytes) === true;
}
