/*
 * The browser's decoder: the same pixels as Node's, and as little trust in a file. Where there is no Chromium, the tests
 * are skipped.
 */
import type { ImageReading } from '@graft-ml/core/data';
import { decodeImage } from 'graft-ml/data';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { golden } from '../golden.ts';
import { pngAnnouncing, pngTextBomb, svgAsAvif, svgInAvif, tiff } from '../hostile-images.ts';
import { temporaryFolder } from '../images.ts';
import { ask, buildPage, hasBrowser, launch, servePage } from './pages.ts';

const { tensors } = golden('colour');
const names = Object.keys(tensors)
  .flatMap((name) => (name.endsWith('.file') ? [name.slice(0, -'.file'.length)] : []))
  .filter((name) => !name.includes('TIFF'));

/** A photo of a colour gradient and stripes, as every format has them. */
const photo = () => {
  const [width, height] = [61, 43];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return i % 3 === 0 ? 4 * x : i % 3 === 1 ? 5 * y : (x >> 2) % 2 === 0 ? 40 : 210;
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
};

describe.skipIf(!hasBrowser('the tests of decoding in a browser'))('images in Chromium', () => {
  const folder = temporaryFolder();
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await buildPage(folder);
    browser = await launch();
    page = await browser.newPage();
    await page.goto((await servePage(folder)).address);
  }, 120_000);
  afterAll(() => browser?.close());

  /** The largest difference in levels between what the browser makes of a file and what Node does. */
  async function difference(file: Uint8Array, reading: ImageReading = {}): Promise<number> {
    const [expected, answer] = [
      await decodeImage(file, 'image', reading),
      await ask(page, { task: 'decode', bytes: [...file], reading }),
    ];
    if (!('data' in answer)) throw new Error(JSON.stringify(answer));
    expect([answer.width, answer.height]).toEqual([expected.width, expected.height]);
    return answer.data.reduce((most, level, i) => Math.max(most, Math.abs(level - expected.data[i]!)), 0);
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'a JPEG of orientation %i has the pixels of Node’s decoder',
    async (orientation) => {
      const file = await photo().withMetadata({ orientation }).jpeg().toBuffer();
      expect(await difference(file)).toBe(0);
      expect(await difference(file, { orientation: 'ignore' })).toBe(0);
    },
  );

  test.each([
    ['progressive JPEG', () => photo().jpeg({ progressive: true })],
    ['JPEG of full chroma', () => photo().jpeg({ chromaSubsampling: '4:4:4' })],
    ['grey JPEG', () => photo().greyscale().jpeg()],
    ['PNG', () => photo().png()],
    ['palette PNG', () => photo().png({ palette: true })],
    ['16-bit PNG', () => photo().toColourspace('rgb16').png()],
    ['WebP', () => photo().webp()],
    ['lossless WebP', () => photo().webp({ lossless: true })],
    ['GIF', () => photo().gif()],
  ] as const)('a %s, too', async (_, make) => {
    expect(await difference(await make().toBuffer())).toBe(0);
  });

  test('an AVIF, and images with alpha, within a level', async () => {
    const clear = photo().ensureAlpha(0.4);
    for (const file of [photo().avif(), clear.clone().png(), clear.clone().webp({ lossless: true })]) {
      expect(await difference(await file.toBuffer())).toBeLessThanOrEqual(1);
    }
  });

  test.each(names)('%s: through its profile, as in Node', async (name) => {
    const file = Uint8Array.from(tensors[`${name}.file`]!.data as Uint8Array);
    if (!name.startsWith('CMYK')) return expect(await difference(file)).toBeLessThanOrEqual(2);
    const answer = await ask(page, { task: 'decode', bytes: [...file] });
    return expect(answer).toEqual({
      error: expect.stringMatching(/^ImageError: image: its colours are CMYK.*unreadable/),
    });
  });

  test.each([
    ['a PNG of 10 billion pixels', () => pngAnnouncing(100_000, 100_000), /100000 x 100000 pixels/],
    ['a TIFF', () => tiff([]), /TIFF, which browsers do not decode/],
    ['an SVG that begins as an AVIF', svgAsAvif, /not-an-image|damaged avif/],
    ['an SVG in an AVIF', svgInAvif, /damaged avif/],
    ['a text', () => Buffer.from('hello'), /neither JPEG/],
    ['nothing', () => Buffer.alloc(0), /0 bytes/],
  ] as const)('%s is refused in words', async (_, make, words) => {
    const answer = await ask(page, { task: 'decode', bytes: [...make()] });
    expect(answer).toEqual({ error: expect.stringMatching(/^ImageError: image: /) });
    expect(answer).toEqual({ error: expect.stringMatching(words) });
  });

  test('a JPEG that is cut short is refused, and texts that inflate to gigabytes are passed over', async () => {
    const jpeg = await photo().jpeg().toBuffer();
    const cut = await ask(page, { task: 'decode', bytes: [...jpeg.subarray(0, jpeg.length / 2)] });
    expect(cut).toEqual({ error: expect.stringContaining('the file ends before the image does (truncated)') });
    expect(await ask(page, { task: 'decode', bytes: [...pngTextBomb('zTXt', { count: 3 })] })).toMatchObject({
      width: 16,
    });
  });
});
