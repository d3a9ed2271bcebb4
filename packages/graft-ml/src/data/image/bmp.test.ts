import { randomStream } from '@graft-ml/core/internal/base/random';
import { decodeBmp } from '@graft-ml/core/internal/image/file/bmp';
import { HeaderError } from '@graft-ml/core/internal/image/file/header';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { describe, expect, it } from 'vitest';
import { type BmpParts, bmp } from '../../../../../test/hostile-images.ts';
import { decodeImage } from '../decode.ts';

const red = [255, 0, 0];
const blue = [0, 0, 255];
const white = [255, 255, 255];
/** Two colours, as a bitmap has them. */
const palette = Buffer.from([0, 0, 255, 0, 255, 0, 0, 0]);
const stored = (...colours: number[][]) => Buffer.from(colours.flatMap(([r, g, b]) => [b!, g!, r!]));
const line = (bytes: number[] | Buffer) =>
  Buffer.concat([Buffer.from(bytes), Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A row of red, blue, red, and one of blue, blue, red below it. */
const top = [red, blue, red];
const bottom = [blue, blue, red];
const size = { width: 3, height: 2 };
const words16 = (...words: number[]) => Buffer.from(new Uint16Array(words).buffer);
const words32 = (...words: number[]) => Buffer.from(new Uint32Array(words).buffer);

const cases: readonly [string, BmpParts][] = [
  ['1 bit', { ...size, bits: 1, palette, pixels: Buffer.concat([line([0b11000000]), line([0b01000000])]) }],
  ['4 bits', { ...size, bits: 4, palette, pixels: Buffer.concat([line([0x11, 0x00]), line([0x01, 0x00])]) }],
  ['8 bits', { ...size, bits: 8, palette, pixels: Buffer.concat([line([1, 1, 0]), line([0, 1, 0])]) }],
  [
    '16 bits',
    {
      ...size,
      bits: 16,
      pixels: Buffer.concat([line(words16(0x1f, 0x1f, 0x7c00)), line(words16(0x7c00, 0x1f, 0x7c00))]),
    },
  ],
  [
    '16 bits with masks',
    {
      ...size,
      bits: 16,
      compression: 3,
      masks: [0xf800, 0x7e0, 0x1f],
      pixels: Buffer.concat([line(words16(0x1f, 0x1f, 0xf800)), line(words16(0xf800, 0x1f, 0xf800))]),
    },
  ],
  ['24 bits', { ...size, bits: 24, pixels: Buffer.concat([line(stored(...bottom)), line(stored(...top))]) }],
  [
    'from the top',
    { ...size, height: -2, bits: 24, pixels: Buffer.concat([line(stored(...top)), line(stored(...bottom))]) },
  ],
  ['32 bits', { ...size, bits: 32, pixels: words32(0xff, 0xff, 0xff0000, 0xff0000, 0xff, 0xff0000) }],
  [
    '32 bits, all of alpha 0',
    {
      ...size,
      bits: 32,
      compression: 3,
      masks: [0xff0000, 0xff00, 0xff, 0xff000000],
      pixels: words32(0xff, 0xff, 0xff0000, 0xff0000, 0xff, 0xff0000),
    },
  ],
  [
    'runs of 8 bits',
    { ...size, bits: 8, compression: 1, palette, pixels: Buffer.from([2, 1, 1, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 1]) },
  ],
  [
    'runs of 4 bits',
    { ...size, bits: 4, compression: 2, palette, pixels: Buffer.from([2, 0x11, 1, 0, 0, 0, 3, 0x01, 0, 1]) },
  ],
];

describe('decodeBmp', () => {
  it.each(cases)('%s', (_, parts) => {
    const { width, height, data } = decodeBmp(bmp(parts));
    expect([width, height]).toEqual([3, 2]);
    expect([...data]).toEqual([...top, ...bottom].flat());
    expect([...decodeBmp(bmp(parts), 1, 2).data]).toEqual(bottom.flat());
  });

  it('what is transparent becomes white', () => {
    const pixels = words32(0xffff0000, 0x80ff0000, 0x00ff0000);
    const masks = [0xff0000, 0xff00, 0xff, 0xff000000];
    const { data } = decodeBmp(bmp({ width: 3, height: 1, bits: 32, compression: 3, masks, pixels }));
    expect([...data]).toEqual([...red, 255, 127, 127, ...white]);
  });

  it.each<[string, Partial<BmpParts>, RegExp]>([
    ['a colour beyond its palette', { bits: 8, palette: Buffer.alloc(4, 9), pixels: Buffer.alloc(8, 200) }, /^$/],
    ['too few pixels', { bits: 24, pixels: Buffer.alloc(5) }, /ends before/],
    ['runs without an end', { bits: 8, compression: 1, pixels: Buffer.from([3, 1]) }, /ends before/],
    ['a PNG inside', { bits: 0, compression: 5 }, /not read/],
    ['no width', { width: 0 }, /0 x 2 pixels/],
  ])('%s', (_, parts, message) => {
    const file = bmp({ ...size, bits: 24, pixels: Buffer.alloc(64), ...parts });
    const seen = () => {
      try {
        decodeBmp(file);
        return '';
      } catch (error) {
        expect(error).toBeInstanceOf(HeaderError);
        return (error as Error).message;
      }
    };
    expect(seen()).toMatch(message);
  });

  it('any damage gives an image or a problem', async () => {
    const stream = randomStream(0, 'bmp damage');
    for (let round = 0; round < 3000; round++) {
      const whole = bmp(cases[round % cases.length]![1]);
      const bytes = Buffer.from(stream.integer(4) > 0 ? whole : whole.subarray(0, stream.integer(whole.length)));
      for (let i = stream.integer(4); i > 0 && bytes.length > 0; i--)
        bytes[stream.integer(bytes.length)] = stream.integer(256);
      const image = await decodeImage(bytes, 'damaged.bmp').catch((error: unknown) => {
        expect(error).toBeInstanceOf(ImageError);
      });
      if (image) expect(image.data.length).toBe(3 * image.width * image.height);
    }
  });
});
