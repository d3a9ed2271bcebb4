import { crc32, deflateSync } from 'node:zlib';
import { randomStream } from '@graft-ml/core/internal/base/random';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePlainPng } from './plain-png.ts';

function chunk(type: string, body: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
  bytes.writeUInt32BE(body.length, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}

interface Made {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlaced?: boolean;
  readonly extra?: Buffer;
  /** What is compressed; default noise of the right length. */
  readonly lines?: Buffer;
}

function png({ width = 13, height = 11, depth = 8, colour = 0, interlaced = false, extra, lines }: Made = {}): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, depth, colour, 0, 0, interlaced ? 1 : 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...(extra ? [extra] : []),
    chunk('IDAT', deflateSync(lines ?? noise(Math.ceil((width * depth * (colour === 2 ? 3 : 1)) / 8), height))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Random lines, which have all filters in turn. */
function noise(stride: number, height: number): Buffer {
  const stream = randomStream(0, 'png', stride, height);
  return Buffer.from(
    Array.from({ length: (stride + 1) * height }, (_, i) =>
      i % (stride + 1) === 0 ? (i / (stride + 1)) % 5 : stream.integer(256),
    ),
  );
}

const raw = async (bytes: Uint8Array) =>
  new Uint8Array(await sharp(bytes).flatten().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer());

describe('equals libvips', () => {
  it.each([
    [1, 0],
    [2, 0],
    [4, 0],
    [8, 0],
    [8, 2],
  ])('depth %i, colour type %i, every filter', async (depth, colour) => {
    for (const width of [4, 13, 16, 105]) {
      const bytes = png({
        width,
        height: 11,
        depth,
        colour,
        extra: chunk('tIME', Buffer.from([7, 227, 3, 8, 9, 49, 0])),
      });
      const image = decodePlainPng(bytes)!;
      expect([image.width, image.height]).toEqual([width, 11]);
      expect(Buffer.compare(image.data, await raw(bytes))).toBe(0);
    }
  });
});

describe('leaves to libvips', () => {
  const whole = png();
  const spoiled = Buffer.from(whole);
  spoiled[40]! ^= 1;
  it.each<[string, Buffer]>([
    ['a palette', png({ colour: 3 })],
    ['16 bits', png({ depth: 16 })],
    ['transparency', png({ colour: 6 })],
    ['interlacing', png({ interlaced: true })],
    ['a gamma', png({ extra: chunk('gAMA', Buffer.from([0, 0, 177, 143])) })],
    ['a transparent colour', png({ extra: chunk('tRNS', Buffer.from([0, 0])) })],
    ['an orientation', png({ extra: chunk('eXIf', Buffer.alloc(26)) })],
    ['many pixels', png({ width: 300, height: 300 })],
    ['no pixels', png({ width: 0 })],
    ['a wrong checksum', spoiled],
    ['a cut', whole.subarray(0, -7)],
    ['something behind the end', Buffer.concat([whole, Buffer.of(0)])],
    ['too few lines', png({ lines: Buffer.alloc(20) })],
    ['a bomb', png({ lines: Buffer.alloc(2 ** 22) })],
    ['an unknown filter', png({ lines: Buffer.alloc(14 * 11).fill(5) })],
    ['a width that is a lie', png({ width: 2 ** 31, lines: Buffer.alloc(4) })],
    ['no PNG', Buffer.from('GIF89a')],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_name, bytes) => {
    expect(decodePlainPng(bytes)).toBeUndefined();
  });

  it('any damage gives the image or nothing', () => {
    const stream = randomStream(0, 'damage');
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(whole);
      for (let i = 0; i < 3; i++) bytes[stream.integer(bytes.length)] = stream.integer(256);
      const image = decodePlainPng(bytes);
      if (image) expect(image.data.length).toBe(3 * image.width * image.height);
    }
  });
});
