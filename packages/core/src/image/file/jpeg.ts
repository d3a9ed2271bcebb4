import { holdsText, viewBytes } from './bytes.ts';
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

const marker = {
  startOfScan: 0xda,
  endOfImage: 0xd9,
  app0: 0xe0,
  app1: 0xe1,
  app2: 0xe2,
  app14: 0xee,
  comment: 0xfe,
} as const;

/** One marker and its body, which lies from `start` to `end`; `from` is where the marker's padding begins. */
interface MarkerSegment {
  readonly code: number;
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly isProgressive: boolean;
  /** Bytes of the coefficients, 2 for each, in whole blocks. */
  readonly coefficientBytes: number;
}

/** The header of a JPEG (ITU-T T.81). EXIF, XMP, previews and comments go. */
export function readJpegHeader(file: Uint8Array): ImageHeader {
  let frame: Frame | undefined;
  let orientation: Orientation | undefined;
  let scanComponents = 0;
  let scan = 0;
  for (const { code, start, end } of segmentsBefore(file)) {
    if (isFrame(code)) frame ??= readFrame(file.subarray(start, end), code);
    if (code === marker.app1 && holdsText(file, 'Exif\0\0', start)) {
      orientation ??= orientationIn(file.subarray(start + 6, end));
    }
    if (code === marker.startOfScan) [scanComponents, scan] = [file[start] ?? 0, end];
  }
  if (scanComponents === 0 || endsInScan(file, scan)) throw cutShort();
  if (!frame) throw new HeaderError('unreadable', 'damaged jpeg: it has no header');
  const { width, height, components, isProgressive, coefficientBytes } = frame;
  // An image in several scans is kept as coefficients until the last one is read.
  const isInScans = isProgressive || scanComponents < components;
  return {
    format: 'jpeg',
    width,
    height,
    orientation: orientation ?? 1,
    isInk: components === 4,
    working: isInScans ? coefficientBytes : 0,
    bare: onlyNeeded(file, () => neededOf(file)),
  };
}

/**
 * Whether the file ends within the pixels: libjpeg would decode all of them before libvips refuses the file. A file that
 * only lacks the end marker and is filled up with zeros, as some cameras write it, is decoded.
 */
function endsInScan(file: Uint8Array, scan: number): boolean {
  for (let at = file.length - 2; at >= scan; at--) {
    if (file[at] === 0xff && file[at + 1] === marker.endOfImage) return false;
  }
  return file.at(-1) !== 0 || file.at(-2) !== 0;
}

/**
 * The segments up to and with the first scan's header. Ends early where something else than a marker follows a segment.
 */
function* segmentsBefore(file: Uint8Array): Generator<MarkerSegment> {
  const view = viewBytes(file);
  for (let from = 2; ; ) {
    let at = from;
    if (file[at] !== 0xff) return;
    while (file[at] === 0xff) at++;
    const code = file[at];
    if (code === undefined || code === marker.endOfImage || at + 3 > file.length) return;
    const end = at + 1 + view.getUint16(at + 1);
    if (end < at + 3 || end > file.length) return;
    yield { code, from, start: at + 3, end };
    if (code === marker.startOfScan) return;
    from = end;
  }
}

function* neededOf(file: Uint8Array): Generator<Segment> {
  yield { start: 0, end: 2, isNeeded: true };
  let [reached, profileBytes] = [2, 0];
  for (const { code, from, start, end } of segmentsBefore(file)) {
    let isNeeded = code < marker.app0 || (code > 0xef && code !== marker.comment);
    if (code === marker.app0 || code === marker.app14) isNeeded = end - start <= 64; // JFIF, and how Adobe stores colours
    if (code === marker.app2 && holdsText(file, 'ICC_PROFILE\0', start)) {
      profileBytes += end - start;
      isNeeded = profileBytes <= mostProfileBytes;
    }
    yield { start: from, end, isNeeded };
    reached = end;
  }
  yield { start: reached, end: file.length, isNeeded: true };
}

/** Start of frame of any coding; C4, C8 and CC are other things. */
function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;
}

function readFrame(body: Uint8Array, code: number): Frame {
  const components = body[5] ?? 0;
  if (components === 0 || body.length < 6 + 3 * components)
    throw new HeaderError('unreadable', 'damaged jpeg: its header is cut');
  const view = viewBytes(body);
  const [height, width] = [view.getUint16(1), view.getUint16(3)];
  const sampling = Array.from({ length: components }, (_, i) => body[7 + 3 * i]!);
  const [across, down] = [
    Math.max(...sampling.map((both) => both >> 4)),
    Math.max(...sampling.map((both) => both & 15)),
  ];
  const units = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  const blocks = sampling.reduce((sum, both) => sum + (both >> 4) * (both & 15), 0);
  return { width, height, components, isProgressive: (code & 3) === 2, coefficientBytes: units * blocks * 64 * 2 };
}
