import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { ImageError, type ImageProblemKind } from '@graft-ml/core/internal/image/problem';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage, fileBytes, readImageFile } from './decode.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-decode-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Colour = readonly [number, number, number];
const width = 24;
const height = 16;
const orange: Colour = [230, 120, 30];
const blue: Colour = [20, 60, 200];

/**
 * The left half orange, the right half blue, but for the top quarter, which is all orange. Opaque, or left half
 * see-through.
 */
function drawing(alpha = 1) {
  const pixels = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const left = i % width < width / 2 || i < (width * height) / 4;
    pixels.set([...(left ? orange : blue), left ? Math.round(alpha * 255) : 255], i * 4);
  }
  const image = sharp(pixels, { raw: { width, height, channels: 4 } });
  return alpha === 1 ? image.removeAlpha() : image;
}

/** What is expected at the middle of the left half, of the right half, and of the top quarter's right. */
interface Case {
  readonly name: string;
  readonly bytes: () => Promise<Buffer>;
  readonly colours?: readonly [Colour, Colour, Colour];
  readonly tolerance: number;
}

const drawn: readonly [Colour, Colour, Colour] = [orange, blue, orange];
const grey = (level: number): Colour => [level, level, level];
// Luminance in linear light (0.2126 R + 0.7152 G + 0.0722 B), back in sRGB.
const greys: readonly [Colour, Colour, Colour] = [grey(149), grey(78), grey(149)];
// The nearest that printing inks reach: sharp's built-in CMYK profile, there and back.
const inks: readonly [Colour, Colour, Colour] = [
  [231, 119, 1],
  [14, 65, 142],
  [231, 119, 1],
];
const onWhite: readonly [Colour, Colour, Colour] = [[243, 187, 142], blue, [243, 187, 142]];

const cases: readonly Case[] = [
  { name: 'JPEG', bytes: () => drawing().jpeg({ quality: 95 }).toBuffer(), tolerance: 4 },
  {
    name: 'progressive JPEG',
    bytes: () => drawing().jpeg({ quality: 95, progressive: true }).toBuffer(),
    tolerance: 4,
  },
  { name: 'PNG', bytes: () => drawing().png().toBuffer(), tolerance: 0 },
  { name: 'interlaced PNG', bytes: () => drawing().png({ progressive: true }).toBuffer(), tolerance: 0 },
  { name: 'lossless WebP', bytes: () => drawing().webp({ lossless: true }).toBuffer(), tolerance: 0 },
  { name: 'GIF', bytes: () => drawing().gif().toBuffer(), tolerance: 1 },
  { name: 'AVIF', bytes: () => drawing().avif({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer(), tolerance: 4 },
  { name: 'palette PNG', bytes: () => drawing().png({ palette: true }).toBuffer(), tolerance: 1 },
  { name: '16-bit PNG', bytes: () => drawing().toColourspace('rgb16').png().toBuffer(), tolerance: 0 },
  {
    name: 'CMYK JPEG',
    bytes: () => drawing().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
    colours: inks,
    tolerance: 6,
  },
  {
    name: 'grey JPEG',
    bytes: () => drawing().toColourspace('b-w').jpeg({ quality: 95 }).toBuffer(),
    colours: greys,
    tolerance: 4,
  },
  { name: 'grey PNG', bytes: () => drawing().toColourspace('b-w').png().toBuffer(), colours: greys, tolerance: 2 },
  {
    name: '16-bit grey PNG',
    bytes: () => drawing().toColourspace('grey16').png().toBuffer(),
    colours: greys,
    tolerance: 2,
  },
  { name: 'PNG with alpha', bytes: () => drawing(0.5).png().toBuffer(), colours: onWhite, tolerance: 1 },
  {
    name: '16-bit PNG with alpha',
    bytes: () => drawing(0.5).toColourspace('rgb16').png().toBuffer(),
    colours: onWhite,
    tolerance: 1,
  },
  {
    name: 'WebP with alpha',
    bytes: () => drawing(0.5).webp({ lossless: true }).toBuffer(),
    colours: onWhite,
    tolerance: 1,
  },
  { name: 'animated GIF, first frame', bytes: animated, tolerance: 1 },
];

/** Two frames: the drawing, then white. */
async function animated(): Promise<Buffer> {
  const second = new Uint8Array(width * height * 3).fill(255);
  const frames = Buffer.concat([await drawing().raw().toBuffer(), second]);
  return sharp(frames, { raw: { width, height: height * 2, channels: 3, pageHeight: height } })
    .gif()
    .toBuffer();
}

describe('decodeImage', () => {
  it.each(cases)('$name', async ({ bytes, colours = drawn, tolerance }) => {
    const file = await bytes();
    const image = await decodeImage(file, 'drawing');
    expect(image).toMatchObject({ width, height });
    expect(image.data.length).toBe(width * height * 3);
    const places = [
      [5, 11],
      [18, 11],
      [18, 1],
    ] as const;
    const seen = places.map(([x, y]) => [...image.data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]);
    const worst = Math.max(...seen.flat().map((level, i) => Math.abs(level - colours.flat()[i]!)));
    expect(worst, `${JSON.stringify(seen)} for ${JSON.stringify(colours)}`).toBeLessThanOrEqual(tolerance);
  });

  it('the test files are what their names say', async () => {
    const facts = async (name: string) => sharp(await cases.find((c) => c.name === name)!.bytes()).metadata();
    expect(await facts('CMYK JPEG')).toMatchObject({ format: 'jpeg', space: 'cmyk', channels: 4 });
    expect(await facts('16-bit PNG')).toMatchObject({ format: 'png', depth: 'ushort', channels: 3 });
    expect(await facts('16-bit grey PNG')).toMatchObject({ format: 'png', depth: 'ushort', channels: 1 });
    expect(await facts('grey JPEG')).toMatchObject({ format: 'jpeg', channels: 1 });
    expect(await facts('palette PNG')).toMatchObject({ format: 'png', isPalette: true });
    expect(await facts('animated GIF, first frame')).toMatchObject({ format: 'gif', pages: 2 });
    expect(await facts('AVIF')).toMatchObject({ format: 'heif', compression: 'av1' });
  });

  /** Orientation o stores the upright image as this pixel (x, y) of the upright one, where its stored (0, 0) is. */
  it.each([
    [1, 'topLeft'],
    [2, 'topRight'],
    [3, 'bottomRight'],
    [4, 'bottomLeft'],
    [5, 'topLeft'],
    [6, 'topRight'],
    [7, 'bottomRight'],
    [8, 'bottomLeft'],
  ] as const)('EXIF orientation %i puts the first stored pixel at the %s', async (orientation, corner) => {
    // One red quarter at the stored top left of a black 16 x 8.
    const pixels = new Uint8Array(16 * 8 * 3);
    for (let i = 0; i < 16 * 8; i++) if (i % 16 < 8 && i < 64) pixels[i * 3] = 255;
    const bytes = await sharp(pixels, { raw: { width: 16, height: 8, channels: 3 } })
      .withMetadata({ orientation })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const { width: w, height: h, data } = await decodeImage(bytes, 'rotated.jpg');
    expect([w, h]).toEqual(orientation < 5 ? [16, 8] : [8, 16]);
    const red = (x: number, y: number) => data[(y * w + x) * 3]! > 200;
    const corners = {
      topLeft: [0, 0],
      topRight: [w - 1, 0],
      bottomLeft: [0, h - 1],
      bottomRight: [w - 1, h - 1],
    } as const;
    const lit = Object.entries(corners).filter(([, [x, y]]) => red(x, y));
    expect(lit.map(([name]) => name)).toEqual([corner]);
  });

  it('reads Display P3 through its profile', async () => {
    const p3 = await drawing().withIccProfile('p3').png().toBuffer();
    const { data } = await decodeImage(p3, 'p3.png');
    const start = (11 * width + 18) * 3;
    const seen = [...data.subarray(start, start + 3)];
    expect(Math.max(...seen.map((level, i) => Math.abs(level - blue[i]!)))).toBeLessThanOrEqual(6);
  });
});

/** A PNG whose header announces a size and whose pixels are missing. */
function pngAnnouncing(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8 + body.length);
    frame.writeUInt32BE(data.length, 0);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), 4 + body.length);
    return frame;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.alloc(1000));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** Noise, so that every format needs kilobytes. */
function noise() {
  const pixels = Uint8Array.from({ length: 120 * 90 * 3 }, (_, i) => (i * 7919) >> 3);
  return sharp(pixels, { raw: { width: 120, height: 90, channels: 3 } });
}

async function part(bytes: Promise<Buffer>, fraction: number): Promise<Buffer> {
  const whole = await bytes;
  return whole.subarray(0, Math.floor(whole.length * fraction));
}

async function scratched(bytes: Promise<Buffer>): Promise<Buffer> {
  const whole = await bytes;
  return whole.fill(0x5a, Math.floor(whole.length * 0.4), Math.floor(whole.length * 0.6));
}

it('a JPEG that only lacks its end marker, and is filled up with zeros, is decoded', async () => {
  const whole = await noise().jpeg().toBuffer();
  const filled = Buffer.concat([whole.subarray(0, -2), Buffer.alloc(64)]);
  expect((await decodeImage(filled, 'x')).data).toEqual((await decodeImage(whole, 'x')).data);
});

const tiny = (w: number, h: number) => sharp({ create: { width: w, height: h, channels: 3, background: '#f80' } });

describe('a broken image is a problem with its path', () => {
  const broken: readonly [string, ImageProblemKind, RegExp, () => Buffer | Promise<Buffer>][] = [
    ['JPEG cut at 90 %', 'truncated', /ends before/, () => part(noise().jpeg().toBuffer(), 0.9)],
    ['JPEG cut in half', 'truncated', /ends before/, () => part(noise().jpeg().toBuffer(), 0.5)],
    ['JPEG without its last byte', 'truncated', /ends before/, () => part(noise().jpeg().toBuffer(), 0.9999)],
    ['JPEG cut in its header', 'truncated', /ends before/, () => part(noise().jpeg().toBuffer(), 0.02)],
    [
      'progressive JPEG cut',
      'truncated',
      /ends before/,
      () => part(noise().jpeg({ progressive: true }).toBuffer(), 0.6),
    ],
    ['PNG cut', 'truncated', /ends before/, () => part(noise().png().toBuffer(), 0.9)],
    ['WebP cut', 'truncated', /ends before/, () => part(noise().webp().toBuffer(), 0.9)],
    ['GIF cut', 'truncated', /ends before/, () => part(noise().gif().toBuffer(), 0.9)],
    ['AVIF cut', 'truncated', /ends before/, () => part(noise().avif().toBuffer(), 0.9)],
    ['PNG with a scratch', 'unreadable', /damaged png: /, () => scratched(noise().png().toBuffer())],
    ['AVIF with a scratch', 'unreadable', /damaged avif: /, () => scratched(noise().avif().toBuffer())],
    ['text', 'not-an-image', /neither JPEG/, () => Buffer.from('I am a text file.\n')],
    [
      'SVG',
      'not-an-image',
      /neither/,
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    ['1x1', 'too-small', /^1 x 1 pixels, at least 4/, () => tiny(1, 1).png().toBuffer()],
    ['500x3', 'too-small', /^500 x 3 pixels/, () => tiny(500, 3).jpeg().toBuffer()],
    ['30,000 x 30,000', 'too-large', /^30000 x 30000 pixels, more than 100 million/, () => pngAnnouncing(30_000)],
  ];
  it.each(broken)('%s', async (name, kind, message, bytes) => {
    const error = await decodeImage(await bytes(), name).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).problem).toEqual({ path: name, kind, message: expect.stringMatching(message) });
  });
});

describe('readImageFile', () => {
  it('says of a link to itself, a name below a file and one that is too long what the system says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'graft-links-'));
    symlinkSync('loop.png', join(folder, 'loop.png'));
    writeFileSync(join(folder, 'file'), '');
    for (const name of ['loop.png', 'file/x.png', `${'x'.repeat(300)}.png`]) {
      const path = join(folder, name);
      expect(fileBytes({ path })).toBe(0);
      await expect(readImageFile({ path })).rejects.toThrow(ImageError);
    }
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['empty.jpg', 'empty-file', (path: string) => writeFileSync(path, '')],
    ['missing.jpg', 'unreadable', () => {}],
    ['folder.jpg', 'unreadable', (path: string) => mkdirSync(path)],
  ] as const)('%s: %s', async (name, kind, make) => {
    const path = join(folder, name);
    make(path);
    const error = await readImageFile({ path }).catch((e: unknown) => e);
    expect((error as ImageError).problem).toMatchObject({ path, kind });
  });
});
