import { constants, crc32, deflateRawSync, deflateSync } from 'node:zlib';

export interface PngOptions {
  readonly width: number;
  readonly height: number;
  /** Default 8. */
  readonly bitDepth?: number;
  /** 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha; default 2. */
  readonly colourType?: number;
  readonly isInterlaced?: boolean;
  /** What stands where the pixels belong, before compression; default: zeros, as many as the header says. */
  readonly scanlines?: Uint8Array;
  /** Before the pixels. */
  readonly chunks?: readonly Uint8Array[];
}

const channels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** A chunk, with its checksum. */
export function chunk(type: string, data: Uint8Array, { checksum }: { checksum?: number } = {}): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE((checksum ?? crc32(body)) >>> 0, 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A PNG of these facts, true or not. */
export function png(options: PngOptions): Buffer {
  const { width, height, bitDepth = 8, colourType = 2, isInterlaced = false, chunks = [] } = options;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bitDepth, colourType, 0, 0, isInterlaced ? 1 : 0], 8);
  const row = 1 + Math.ceil((width * (channels[colourType] ?? 1) * bitDepth) / 8);
  const scanlines = options.scanlines ?? Buffer.alloc(row * height);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...chunks,
    chunk('IDAT', deflateSync(scanlines, { level: 9 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** Scanlines of RGB pixels, each row without a filter. */
export function scanlinesOf(width: number, height: number, pixel: (x: number, y: number) => readonly number[]): Buffer {
  const rows = Array.from({ length: height }, (_, y) => [
    0,
    ...Array.from({ length: width }, (_, x) => pixel(x, y)).flat(),
  ]);
  return Buffer.from(rows.flat());
}

/** A compressed text of so many letters, all alike: a thousandth of them in the file. */
export function textBomb(letters: number): Buffer {
  return chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), alike(letters)]));
}

/**
 * The letter a, so many times, as zlib would write it: made of one piece again and again, so that it costs us nothing.
 */
function alike(letters: number): Buffer {
  const piece = Math.min(letters, 2 ** 24);
  const packed = deflateRawSync(Buffer.alloc(piece, 'a'), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const count = Math.ceil(letters / piece);
  const n = BigInt(count * piece);
  // Adler-32: sums of the bytes, and of those sums, modulo the largest prime below 2^16.
  const [prime, code] = [65521n, 97n];
  const [low, high] = [(1n + n * code) % prime, (n + (code * n * (n + 1n)) / 2n) % prime];
  const end = Buffer.from([3, 0, 0, 0, 0, 0]); // an empty last block
  end.writeUInt32BE(Number(high * 65536n + low), 2);
  return Buffer.concat([Buffer.from([0x78, 0xda]), ...Array<Buffer>(count).fill(packed), end]);
}
