import { randomStream } from '@graft-ml/core/internal/base/random';
import { type ImageHeader, onlyNeeded } from '@graft-ml/core/internal/image/file/header';
import { readJpegHeader } from '@graft-ml/core/internal/image/file/jpeg';
import { readPngHeader } from '@graft-ml/core/internal/image/file/png';
import { readWebpHeader } from '@graft-ml/core/internal/image/file/webp';
import { ImageError, type ImageProblemKind } from '@graft-ml/core/internal/image/problem';
import sharp, { type SharpOptions } from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  gifFrameBomb,
  jpegScanBomb,
  jpegWithSegments,
  png,
  pngAnnouncing,
  pngChunk,
  pngProfileBomb,
  pngTextBomb,
  svgAsAvif,
  svgInAvif,
  tiff,
} from '../../../../../test/hostile-images.ts';
import { decodeImage } from '../decode.ts';
import { openImage } from './open.ts';

const photo = (w = 64, h = 48) => {
  const pixels = Uint8Array.from({ length: w * h * 3 }, (_, i) => (i * 7919) >> 3);
  return sharp(pixels, { raw: { width: w, height: h, channels: 3 } });
};

/** By how many bytes the most memory of this process grows. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.resourceUsage().maxRSS;
  await work();
  return (process.resourceUsage().maxRSS - before) * 1024;
}

describe('what costs more than the pixels is not looked at', () => {
  it.each([
    ['zTXt', () => pngTextBomb('zTXt', { count: 12 })],
    ['iTXt', () => pngTextBomb('iTXt', { count: 12 })],
    ['iCCP', () => pngProfileBomb()],
  ])('%s chunks that inflate to hundreds of megabytes', async (_, make) => {
    const bomb = make();
    const used = await growth(async () => {
      expect(await decodeImage(bomb, 'bomb.png')).toMatchObject({ width: 16, height: 16 });
    });
    expect(used).toBeLessThan(100e6);
  });

  it('segments and comments of a JPEG', async () => {
    const jpeg = await photo().jpeg().toBuffer();
    for (const code of [0xe1, 0xe2, 0xed, 0xfe]) {
      const { bare } = readJpegHeader(jpegWithSegments(jpeg, 40, code));
      expect(jpeg.equals(bare)).toBe(true);
    }
  });

  it('a sound file is handed on as it is, without a copy', async () => {
    for (const [read, file] of [
      [readJpegHeader, await photo().jpeg().toBuffer()],
      [readPngHeader, await photo().png().toBuffer()],
      [readWebpHeader, await photo().webp().toBuffer()],
    ] satisfies [(file: Buffer) => ImageHeader, Buffer][]) {
      expect(read(file).bare).toBe(file);
    }
  });

  it('needed segments stay in their order, whatever stands between them', () => {
    const stream = randomStream(0, 'segments');
    for (let round = 0; round < 200; round++) {
      const file = Buffer.from(Array.from({ length: 1 + stream.integer(60) }, () => stream.integer(256)));
      const edges = [...new Set([0, ...Array.from({ length: 5 }, () => stream.integer(file.length)), file.length])];
      edges.sort((a, b) => a - b);
      const segments = edges.slice(1).map((end, i) => ({ start: edges[i]!, end, isNeeded: stream.integer(2) === 0 }));
      const expected = segments.filter(({ isNeeded }) => isNeeded).map(({ start, end }) => file.subarray(start, end));
      expect(Buffer.concat(expected).equals(onlyNeeded(file, () => segments))).toBe(true);
    }
  });
});

describe('no other loader runs', () => {
  it.each([
    ['an SVG that begins with a comment about AVIF', svgAsAvif, 'not-an-image'],
    ['an SVG in a box of an AVIF', svgInAvif, 'unreadable'],
    ['an SVG behind a byte order mark', () => Buffer.from('\uFEFF<svg width="9" height="9"/>'), 'not-an-image'],
  ] as const)('%s', async (_, make, kind) => {
    const error = await decodeImage(make(), 'image.avif').catch((e: unknown) => e);
    expect((error as ImageError).problem.kind).toBe(kind);
  });

  it('they are blocked for the process', async () => {
    await decodeImage(await photo().jpeg().toBuffer(), 'photo.jpg');
    await expect(sharp(Buffer.from('<svg width="9" height="9"/>')).png().toBuffer()).rejects.toThrow();
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const) {
      expect(await decodeImage(await photo().toFormat(format).toBuffer(), format)).toMatchObject({ width: 64 });
    }
  });
});

describe('is refused by its header, in words', () => {
  const big = (width: number, height: number, depth: number) =>
    pngAnnouncing(width, height, { depth, isInterlaced: true });
  it.each<[string, () => Buffer, ImageProblemKind, RegExp]>([
    ['a side of 25 million pixels', () => pngAnnouncing(4, 25_000_000), 'too-large', /at most 65535 on each side/],
    ['a frame larger than its canvas', () => gifFrameBomb(), 'too-large', /^65535 x 65535 pixels/],
    ['100 interlaced megapixels of 16 bits', () => big(10_000, 10_000, 16), 'too-large', /decoded as a whole/],
    ['100 interlaced megapixels', () => big(10_000, 10_000, 8), 'too-large', /takes 321 MB, more than 250/],
    ['a TIFF of 13 bands', () => tiff({ 256: 64, 257: 64, 258: 16, 277: 13 }), 'unreadable', /13 channels/],
    ['a TIFF of 32-bit numbers', () => tiff({ 256: 64, 257: 64, 258: 32, 339: 3 }), 'unreadable', /32-bit/],
    ['a TIFF without a size', () => tiff({ 258: 8 }), 'unreadable', /does not say how large/],
    [
      'a PNG of an unknown critical chunk',
      () => png({ chunks: [pngChunk('CgBI', Buffer.alloc(4))] }),
      'unreadable',
      /./,
    ],
  ])('%s', async (name, make, kind, message) => {
    const error = await decodeImage(make(), name).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).problem).toEqual({ path: name, kind, message: expect.stringMatching(message) });
  });

  it('more scans than any encoder writes', async () => {
    const jpeg = await photo().toColourspace('b-w').jpeg({ progressive: true }).toBuffer();
    const error = await decodeImage(jpegScanBomb(jpeg, 5000), 'scans.jpg').catch((e: unknown) => e);
    expect((error as ImageError).problem.kind).toBe('unreadable');
  });
});

it('any damage gives an image or a problem, and never another error', async () => {
  const stream = randomStream(0, 'image damage');
  const formats = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;
  const files = await Promise.all(
    formats.map((format) => photo(24, 20).withMetadata({ orientation: 6 }).toFormat(format).toBuffer()),
  );
  for (let round = 0; round < 600; round++) {
    const whole = files[round % files.length]!;
    const bytes = Buffer.from(stream.integer(4) > 0 ? whole : whole.subarray(0, stream.integer(whole.length)));
    for (let i = stream.integer(4); i > 0 && bytes.length > 0; i--) {
      // Near the beginning, where the structure is.
      bytes[stream.integer(Math.min(bytes.length, stream.integer(2) ? 80 : bytes.length))] = stream.integer(256);
    }
    const image = await decodeImage(bytes, 'damaged').catch((error: unknown) => {
      expect(error).toBeInstanceOf(ImageError);
    });
    if (image) expect(image.data.length).toBe(3 * image.width * image.height);
  }
});

describe('pixels are those that libvips makes of the whole file', () => {
  const decoded = async (bytes: Buffer, options: SharpOptions = { autoOrient: true }) =>
    sharp(bytes, options).flatten({ background: '#fff' }).toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i, in every format that can have one', async (orientation) => {
    for (const format of ['jpeg', 'png', 'webp', 'tiff'] as const) {
      const bytes = await photo(37, 21).withMetadata({ orientation }).toFormat(format).toBuffer();
      const image = await decodeImage(bytes, format);
      expect([image.width, image.height], format).toEqual(orientation < 5 ? [37, 21] : [21, 37]);
      expect((await decoded(bytes)).equals(image.data), format).toBe(true);
      const stored = await decodeImage(bytes, format, { orientation: 'ignore' });
      expect((await decoded(bytes, {})).equals(stored.data), format).toBe(true);
    }
  });

  it('with a colour profile, and with everything else that can be in a file', async () => {
    for (const format of ['jpeg', 'png', 'webp', 'tiff', 'avif'] as const) {
      const bytes = await photo()
        .withIccProfile('p3')
        .withExif({ IFD0: { Copyright: 'a'.repeat(500) } })
        .toFormat(format)
        .toBuffer();
      expect((await decoded(bytes)).equals((await decodeImage(bytes, format)).data), format).toBe(true);
      const raw = await decodeImage(bytes, format, { colourProfile: 'ignore' });
      expect((await decoded(bytes, { ignoreIcc: true })).equals(raw.data), format).toBe(true);
    }
  });

  it('in bands as in one piece', async () => {
    const { decode, width, height } = await openImage(
      await photo(50, 90).withMetadata({ orientation: 6 }).png().toBuffer(),
      'x',
    );
    const tops: number[] = [];
    await decode(0, height, (rows, top) => tops.push(top, rows.height));
    expect([width, height, tops]).toEqual([90, 50, [0, 50]]);
  });
});
