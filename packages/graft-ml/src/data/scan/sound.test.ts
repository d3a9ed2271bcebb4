import { randomStream } from '@graft-ml/core/internal/base/random';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../decode.ts';
import { readHeader } from '../image/open.ts';
import { isSound } from './sound.ts';

const stream = randomStream(3, 'sound');
const noise = (width: number, height: number, channels: 3 | 4) =>
  sharp(Buffer.from(Array.from({ length: width * height * channels }, () => stream.integer(256))), {
    raw: { width, height, channels },
  });

const encoded: readonly [string, () => Sharp][] = [
  ['a baseline JPEG', () => noise(37, 21, 3).jpeg()],
  ['a progressive JPEG', () => noise(16, 40, 3).jpeg({ progressive: true })],
  ['a grey JPEG', () => noise(20, 9, 3).greyscale().jpeg()],
  ['a CMYK JPEG', () => noise(20, 9, 3).toColourspace('cmyk').jpeg()],
  ['a JPEG that EXIF turns', () => noise(30, 12, 3).withExif({}).withMetadata({ orientation: 6 }).jpeg()],
  ['a JPEG that EXIF leaves', () => noise(30, 12, 3).withMetadata({ orientation: 3 }).jpeg()],
  ['a PNG', () => noise(31, 12, 4).png()],
  ['a PNG with a palette', () => noise(31, 12, 3).png({ palette: true })],
  ['an interlaced PNG', () => noise(31, 12, 3).png({ progressive: true })],
  ['a lossy WebP', () => noise(33, 18, 3).webp()],
  ['a lossless WebP', () => noise(33, 18, 3).webp({ lossless: true })],
  ['a WebP with alpha', () => noise(33, 18, 4).webp()],
];

describe.each(encoded)('%s', (_name, make) => {
  it('is sound, of the size that decoding gives; not so when it is cut anywhere', async () => {
    const bytes = await make().toBuffer();
    const { width, height } = await decodeImage(bytes, 'x');
    expect(isSound(bytes)).toBe(true);
    expect(await readHeader(bytes, 'x')).toMatchObject({ width, height });
    for (let i = 0; i < 20; i++) expect(isSound(bytes.subarray(0, 1 + stream.integer(bytes.length - 1)))).toBe(false);
  });
});

it('a PNG with a flipped bit is not sound, wherever it is', async () => {
  const bytes = await noise(12, 12, 3).png().toBuffer();
  for (let i = 0; i < 60; i++) {
    const flipped = Buffer.from(bytes);
    flipped[stream.integer(bytes.length)]! ^= 1 << stream.integer(8);
    expect(isSound(flipped)).toBe(false);
  }
});

it('formats that say little about themselves are left to the decoder', async () => {
  for (const bytes of [await noise(9, 9, 3).gif().toBuffer(), Buffer.from('text'), Buffer.alloc(0)]) {
    expect(isSound(bytes)).toBe(false);
  }
});
