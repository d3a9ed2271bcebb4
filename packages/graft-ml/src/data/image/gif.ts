import { cutShort, type ImageHeader } from './header.ts';

/** The header of a GIF (GIF89a specification). Comments and extensions go, and all frames but the first. */
export function readGifHeader(file: Buffer): ImageHeader {
  if (file.length < 13) throw cutShort();
  const tablesEnd = 13 + colourTableBytes(file[10]!);
  const first = findFirstFrame(file, tablesEnd);
  const [left, top, width, height] = [1, 3, 5, 7].map((at) => file.readUInt16LE(first.start + at)) as [
    number,
    number,
    number,
    number,
  ];
  // The canvas grows with a frame that reaches beyond it.
  const size = {
    width: Math.max(file.readUInt16LE(6), left + width),
    height: Math.max(file.readUInt16LE(8), top + height),
  };
  const isPlain = first.start === tablesEnd && first.control === undefined && file.length === first.end + 1;
  const pieces = [
    file.subarray(0, tablesEnd),
    ...(first.control === undefined ? [] : [file.subarray(first.control, first.control + 8)]),
    file.subarray(first.start, first.end),
    Buffer.from([0x3b]),
  ];
  return {
    format: 'gif',
    ...size,
    orientation: 1,
    working: size.width * size.height * 6, // measured: the canvas in RGBA, and indices
    bare: isPlain ? file : Buffer.concat(pieces),
  };
}

function colourTableBytes(packed: number): number {
  return packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0;
}

/** The first frame, from its descriptor to its last block, and the control block that describes its transparency. */
function findFirstFrame(file: Buffer, from: number): { start: number; end: number; control?: number } {
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
function endOfBlocks(file: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const length = file[at];
    if (length === undefined) throw cutShort();
    at += 1 + length;
    if (length === 0) return at;
  }
}
