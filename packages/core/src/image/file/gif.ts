import { viewBytes } from './bytes.ts';
import { cutShort, type ImageHeader } from './header.ts';

/** The header of a GIF (GIF89a specification). Comments and extensions go, and all frames but the first. */
export function readGifHeader(file: Uint8Array): ImageHeader {
  if (file.length < 13) throw cutShort();
  const view = viewBytes(file);
  const tablesEnd = 13 + colourTableBytes(file[10]!);
  const first = findFirstFrame(file, tablesEnd);
  const [left, top, width, height] = [1, 3, 5, 7].map((at) => view.getUint16(first.start + at, true)) as [
    number,
    number,
    number,
    number,
  ];
  // The canvas grows with a frame that reaches beyond it.
  const size = {
    width: Math.max(view.getUint16(6, true), left + width),
    height: Math.max(view.getUint16(8, true), top + height),
  };
  const isPlain = first.start === tablesEnd && first.control === undefined && file.length === first.end + 1;
  return {
    format: 'gif',
    ...size,
    orientation: 1,
    working: size.width * size.height * 6, // measured: the canvas in RGBA, and indices
    bare: isPlain ? file : firstFrame(file, { tablesEnd, ...first }),
  };
}

function colourTableBytes(packed: number): number {
  return packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0;
}

/** The places of the first frame's descriptor, of the end of its blocks, and of its control block. */
interface FirstFrame {
  readonly start: number;
  readonly end: number;
  readonly control?: number;
}

/** A file of the screen's tables and one frame. */
function firstFrame(
  file: Uint8Array,
  { tablesEnd, start, end, control }: FirstFrame & { tablesEnd: number },
): Uint8Array {
  const pieces = [
    file.subarray(0, tablesEnd),
    ...(control === undefined ? [] : [file.subarray(control, control + 8)]),
    file.subarray(start, end),
    Uint8Array.of(0x3b),
  ];
  const bare = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const piece of pieces) {
    bare.set(piece, to);
    to += piece.length;
  }
  return bare;
}

/** The first frame, from its descriptor to its last block, and the control block that describes its transparency. */
function findFirstFrame(file: Uint8Array, from: number): FirstFrame {
  let control: number | undefined;
  for (let at = from; ; ) {
    const introducer = file[at];
    if (introducer === 0x2c) {
      if (at + 10 > file.length) throw cutShort();
      const end = endOfBlocks(file, at + 10 + colourTableBytes(file[at + 9]!) + 1);
      return { start: at, end, ...(control !== undefined && { control }) };
    }
    if (introducer !== 0x21) throw cutShort();
    if (file[at + 1] === 0xf9 && file[at + 2] === 4) control = at;
    at = endOfBlocks(file, at + 2);
  }
}

/** Blocks of up to 255 bytes follow each other until one of none. */
function endOfBlocks(file: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const length = file[at];
    if (length === undefined) throw cutShort();
    at += 1 + length;
    if (length === 0) return at;
  }
}
