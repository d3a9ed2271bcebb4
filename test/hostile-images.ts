/**
 * Makers of image files that attack a decoder: small, sound by their signature, and costly or misleading inside. Each
 * gives the bytes of a file; none needs a library of images.
 */
import { crc32, deflateSync } from 'node:zlib';

const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** One chunk of a PNG, with its length and checksum. */
export function pngChunk(type: string, body: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
  bytes.writeUInt32BE(body.length, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}

export interface PngParts {
  readonly width?: number;
  readonly height?: number;
  /** Bits of a sample. Default 8. */
  readonly depth?: number;
  /** 0 grey, 2 RGB (default), 3 palette, 6 RGBA. */
  readonly colour?: number;
  readonly isInterlaced?: boolean;
  /** Chunks between the header and the pixels. */
  readonly chunks?: readonly Buffer[];
  /** The pixels before compression. Default: zeros enough for 16 x 16 in RGB. */
  readonly lines?: Uint8Array;
}

export function png(parts: PngParts = {}): Buffer {
  const { width = 16, height = 16, depth = 8, colour = 2, isInterlaced = false, chunks = [] } = parts;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, isInterlaced ? 1 : 0], 8);
  const pixels = pngChunk('IDAT', deflateSync(parts.lines ?? Buffer.alloc(16 * 49)));
  return Buffer.concat([pngSignature, pngChunk('IHDR', header), ...chunks, pixels, pngChunk('IEND')]);
}

/**
 * A 16 x 16 PNG with compressed texts that inflate to `count` times `megabytes`. 56 texts of 40 MB are 2.3 MB of file;
 * libpng inflates all of them before the first pixel.
 */
export function pngTextBomb(type: 'zTXt' | 'iTXt', { count = 56, megabytes = 40 } = {}): Buffer {
  const inflating = deflateSync(Buffer.alloc(megabytes * 2 ** 20, 'A'), { level: 9 });
  const chunks = Array.from({ length: count }, (_, i) => {
    const head = type === 'zTXt' ? `key${i}\0\0` : `key${i}\0\x01\0\0\0`;
    return pngChunk(type, Buffer.concat([Buffer.from(head, 'latin1'), inflating]));
  });
  return png({ chunks });
}

/** A 16 x 16 PNG whose colour profile inflates to `megabytes`. */
export function pngProfileBomb(megabytes = 400): Buffer {
  const inflating = deflateSync(Buffer.alloc(megabytes * 2 ** 20, 'A'), { level: 9 });
  return png({ chunks: [pngChunk('iCCP', Buffer.concat([Buffer.from('icc\0\0', 'latin1'), inflating]))] });
}

/** A PNG that announces any size, with hardly any pixels in it. */
export function pngAnnouncing(width: number, height: number, parts: PngParts = {}): Buffer {
  return png({ width, height, lines: Buffer.alloc(1000), ...parts });
}

const svg = (side: number, content: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">${content}</svg>`;

/** An SVG that begins as a careless look at an AVIF expects. */
export function svgAsAvif(side = 64): Buffer {
  return Buffer.from(`<!--ftyp avif -->${svg(side, `<rect width="${side}" height="${side}" fill="red"/>`)}`);
}

/** An SVG in a box of a file that begins as AVIF does: libvips looks for `<svg` in the first kilobyte. */
export function svgInAvif(side = 64): Buffer {
  const box = (type: string, body: string) => {
    const bytes = Buffer.from(`\0\0\0\0${type}${body}`, 'latin1');
    bytes.writeUInt32BE(bytes.length, 0);
    return bytes;
  };
  const drawing = svg(side, `<rect width="${side}" height="${side}" fill="red"/>`);
  return Buffer.concat([box('ftyp', 'avif\0\0\0\0avifmif1miaf'), box('free', drawing)]);
}

/**
 * A GIF of 16 x 16 whose only frame covers `side` times `side` pixels, of which a few bytes of LZW make as many as they
 * like.
 */
export function gifFrameBomb(side = 65_535): Buffer {
  const screen = Buffer.from('GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  const frame = Buffer.from(',\0\0\0\0\0\0\0\0\0\x02', 'latin1');
  frame.writeUInt16LE(side, 5);
  frame.writeUInt16LE(side, 7);
  const block = Buffer.concat([Buffer.from([255]), Buffer.alloc(255, 0x55)]);
  return Buffer.concat([screen, frame, ...Array.from({ length: 200 }, () => block), Buffer.from([0, 0x3b])]);
}

/** A sound JPEG with `count` segments of 64 KB behind its start: previews, XMP and comments. */
export function jpegWithSegments(jpeg: Uint8Array, count: number, code = 0xfe): Buffer {
  const segment = Buffer.alloc(2 + 65_535, 0x41);
  segment.set([0xff, code, 0xff, 0xff]);
  return Buffer.concat([jpeg.subarray(0, 2), ...Array.from({ length: count }, () => segment), jpeg.subarray(2)]);
}

/** A progressive JPEG of one grey plane in which the same scan of its first coefficients comes `scans` times. */
export function jpegScanBomb(progressive: Uint8Array, scans: number): Buffer {
  const file = Buffer.from(progressive);
  const first = file.indexOf(Buffer.from([0xff, 0xda]));
  const next = file.indexOf(Buffer.from([0xff, 0xda]), first + 2);
  const scan = file.subarray(first, next);
  return Buffer.concat([file.subarray(0, first), ...Array.from({ length: scans }, () => scan), file.subarray(next)]);
}

/** A TIFF of one directory with these tags (each a LONG) and nothing else. */
export function tiff(tags: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(tags);
  const bytes = Buffer.alloc(8 + 2 + 12 * entries.length + 4);
  bytes.write('II*\0\x08\0\0\0', 'latin1');
  bytes.writeUInt16LE(entries.length, 8);
  for (const [i, [tag, value]] of entries.entries()) {
    bytes.writeUInt16LE(Number(tag), 10 + 12 * i);
    bytes.writeUInt16LE(4, 12 + 12 * i);
    bytes.writeUInt32LE(1, 14 + 12 * i);
    bytes.writeUInt32LE(value, 18 + 12 * i);
  }
  return bytes;
}

export interface BmpParts {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** 0 none, 1 and 2 run lengths of 8 and 4 bits, 3 masks. */
  readonly compression?: number;
  /** Blue, green, red, 0 each. */
  readonly palette?: Uint8Array;
  /** Red, green, blue and, in headers of 56 bytes, alpha. */
  readonly masks?: readonly number[];
  readonly pixels: Uint8Array;
}

/** A Windows bitmap. */
export function bmp({ width, height, bits, compression = 0, palette, masks = [], pixels }: BmpParts): Buffer {
  const headerBytes = masks.length === 4 ? 56 : 40;
  const table = Buffer.alloc(4 * masks.length);
  for (const [i, mask] of masks.entries()) table.writeUInt32LE(mask, 4 * i);
  const header = Buffer.alloc(54);
  const start = 54 + table.length + (palette?.length ?? 0);
  header.write('BM');
  header.writeUInt32LE(start + pixels.length, 2);
  header.writeUInt32LE(start, 10);
  header.writeUInt32LE(headerBytes, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  header.writeUInt32LE((palette?.length ?? 0) / 4, 46);
  return Buffer.concat([header, table, palette ?? Buffer.alloc(0), pixels]);
}
