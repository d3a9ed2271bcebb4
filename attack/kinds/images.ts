import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts, pick } from '../make/damage.ts';
import { chunk, png, textBomb } from '../make/png.ts';
import { makePipe } from '../make/special.ts';
import { drawImage, drawImages } from '../stock.ts';

const MEBIBYTE = 2 ** 20;

/** A folder of sound images and this one is diagnosed, then the image alone is predicted. */
async function show({ room, stock, graft }: Stage, name: string, bytes: Uint8Array | null): Promise<void> {
  const folder = drawImages(join(room.given, 'images'), 2);
  const path = join(folder, 'crimson', name);
  if (bytes !== null) writeFileSync(path, bytes);
  await graft(['doctor', folder, '--json']);
  await graft(['predict', stock.run, path]);
}

const image = (
  label: string,
  make: (stage: Stage) => Uint8Array,
  { name = 'x.png', isDrawn = false, mebibytes = 900 } = {},
): Case => ({
  label,
  isDrawn,
  mebibytes,
  play: async (stage) => show(stage, name, make(stage)),
});

const svg = (body: string, head = '') =>
  Buffer.from(
    `${head}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9000" height="9000">${body}</svg>`,
  );

/** Blurs upon blurs: seconds and gigabytes for a few hundred bytes. */
const blurs = svg(
  `<filter id="f" filterUnits="userSpaceOnUse" x="0" y="0" width="9000" height="9000">${'<feGaussianBlur stdDeviation="500"/><feTurbulence baseFrequency="0.05" numOctaves="10"/>'.repeat(20)}</filter><rect width="9000" height="9000" filter="url(#f)"/>`,
);
const fakeAvif = (size: number) => `<!--${' '.repeat(size)}ftyp avif -->`;

const bombs: readonly Case[] = [
  // What libpng lets pass: a thousand chunks of nearly 8 MB each.
  image('png-text-bombs', () =>
    png({ width: 16, height: 16, chunks: Array.from({ length: 300 }, () => textBomb(7_900_000)) }),
  ),
  image('png-text-bomb', () => png({ width: 16, height: 16, chunks: [textBomb(2400 * MEBIBYTE)] })),
  image('png-profile-bomb', () =>
    png({
      width: 16,
      height: 16,
      chunks: [chunk('iCCP', Buffer.concat([Buffer.from('p\0\0'), deflateSync(Buffer.alloc(500 * MEBIBYTE))]))],
    }),
  ),
  image('png-pixels-bomb', () => png({ width: 16, height: 16, scanlines: Buffer.alloc(700 * MEBIBYTE) })),
  image('png-width-2^31', () => png({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, scanlines: new Uint8Array(64) })),
  image('png-60000x60000', () => png({ width: 60_000, height: 60_000, scanlines: new Uint8Array(64) })),
  image('png-100-megapixels', () => png({ width: 10_000, height: 9_999 })),
  image('png-100-megapixels-interlaced-16-bit', () =>
    png({ width: 10_000, height: 9_999, bitDepth: 16, isInterlaced: true, scanlines: Buffer.alloc(700 * MEBIBYTE) }),
  ),
  image('png-1x1000000', () => png({ width: 1, height: 1_000_000, colourType: 0 })),
  image('png-zero', () => png({ width: 0, height: 0 })),
  image('png-many-chunks', () =>
    png({ width: 8, height: 8, chunks: Array.from({ length: 100_000 }, () => chunk('teXt', Buffer.from('k\0v'))) }),
  ),
];

const disguises: readonly Case[] = [
  image('svg', () => blurs, { name: 'x.svg' }),
  image('svg-as-png', () => blurs),
  image('svg-as-avif', () => Buffer.concat([Buffer.from(fakeAvif(0)), blurs]), { name: 'x.avif' }),
  image('svg-behind-ftyp', () => Buffer.concat([Buffer.from('<!--ftypavif -->'), blurs]), { name: 'x.avif' }),
  image('svg-file', ({ room }) => svg(`<image xlink:href="file://${room.canary}/thesis.txt"/>`, '<!--ftypavif-->'), {
    name: 'x.avif',
  }),
  image(
    'svg-entities',
    () =>
      Buffer.from(
        `<!--ftypavif--><!DOCTYPE svg [<!ENTITY a "${'a'.repeat(1000)}">${['b', 'c', 'd', 'e', 'f', 'g'].map((name, i) => `<!ENTITY ${name} "${`&${'abcdef'[i]};`.repeat(10)}">`).join('')}]><svg xmlns="http://www.w3.org/2000/svg"><text>&g;</text></svg>`,
      ),
    { name: 'x.avif' },
  ),
  image('pdf-in-png', () => Buffer.concat([png({ width: 8, height: 8 }), Buffer.from('%PDF-1.4\n')])),
  image('zip-behind-png', () => Buffer.concat([png({ width: 8, height: 8 }), Buffer.from('PK\x03\x04')])),
  image('html-as-png', () => Buffer.from('<html><script>alert(1)</script></html>')),
  image('jpeg-head', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46])),
  image('gif-huge', () => Buffer.from('GIF89a\xff\xff\xff\xff\xf0\0\0\x21\xff\x0bNETSCAPE2.0', 'latin1'), {
    name: 'x.gif',
  }),
  image(
    'webp-huge',
    () => Buffer.from('RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff', 'latin1'),
    { name: 'x.webp' },
  ),
  image(
    'tiff-huge',
    () =>
      Buffer.from(
        'II*\0\x08\0\0\0\x02\0\x00\x01\x04\0\x01\0\0\0\xff\xff\xff\x7f\x01\x01\x04\0\x01\0\0\0\xff\xff\xff\x7f\0\0\0\0',
        'latin1',
      ),
    { name: 'x.tif' },
  ),
  image('tiff-loop', () => Buffer.from('II*\0\x08\0\0\0\x01\0\x00\x01\x04\0\x01\0\0\0\x10\0\0\0\x08\0\0\0', 'latin1'), {
    name: 'x.tiff',
  }),
  image(
    'bmp-huge',
    () =>
      Buffer.from(
        'BM\xff\xff\xff\x7f\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\0\x20\0\0\0\0\0',
        'latin1',
      ),
    { name: 'x.bmp' },
  ),
  image('script', () => Buffer.from('push graphic-context\nimage over 0,0 0,0 "|touch pwned"\n'), {
    name: 'x.mvg.png',
  }),
];

const names: readonly Case[] = nastyTexts
  .filter((text) => text !== '' && !/[\0/\ud800]/.test(text))
  .map((text, i) => image(`name-${i}`, () => Buffer.from('no image'), { name: `${text}.png` }));

const links: readonly Case[] = [
  ['link-device', (room: Stage['room']) => symlinkSync('/dev/zero', join(room.given, 'images/crimson/x.png'))],
  [
    'link-canary',
    (room: Stage['room']) => symlinkSync(join(room.canary, 'thesis.txt'), join(room.given, 'images/crimson/x.png')),
  ],
  ['link-loop', (room: Stage['room']) => symlinkSync('x.png', join(room.given, 'images/crimson/x.png'))],
  ['pipe', (room: Stage['room']) => void makePipe(join(room.given, 'images/crimson/x.png'))],
].map(([label, make]) => ({
  label: label as string,
  seconds: 20,
  play: async (stage) => {
    drawImages(join(stage.room.given, 'images'), 2);
    (make as (room: Stage['room']) => void)(stage.room);
    await show(stage, 'x.png', null);
  },
}));

export const images: Kind = {
  name: 'images',
  cases: [
    ...bombs,
    ...disguises,
    ...names,
    ...links,
    image('png-damaged', ({ stream }) => damaged(drawImage(stream.integer(3), 0), stream), { isDrawn: true }),
    image(
      'png-drawn',
      ({ stream }) =>
        png({
          width: 1 + stream.integer(3000),
          height: 1 + stream.integer(3000),
          bitDepth: pick(stream, [1, 2, 4, 8, 16, 3]),
          colourType: pick(stream, [0, 2, 3, 4, 6, 5]),
          isInterlaced: stream.uniform() < 0.5,
          ...(stream.uniform() < 0.5 && { scanlines: Buffer.alloc(stream.integer(1e6), stream.integer(256)) }),
        }),
      { isDrawn: true },
    ),
  ],
};
