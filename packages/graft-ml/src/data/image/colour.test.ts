import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { golden } from '../../../../../test/golden.ts';
import { decodeImage } from '../decode.ts';

const { tensors } = golden('colour');
const names = Object.keys(tensors)
  .filter((name) => name.endsWith('.file'))
  .map((name) => name.slice(0, -'.file'.length));

/** The largest difference in levels between a decoded file and what Pillow makes of it. */
async function difference(name: string, handling: 'apply' | 'ignore'): Promise<number> {
  const expected = tensors[`${name}.${handling === 'apply' ? 'applied' : 'ignored'}`] ?? tensors[`${name}.ignored`]!;
  const file = Uint8Array.from(tensors[`${name}.file`]!.data as Uint8Array);
  const image = await decodeImage(file, name, { colourProfile: handling, orientation: handling });
  expect([image.height, image.width, 3]).toEqual([...expected.shape]);
  return Math.max(...image.data.map((level, i) => Math.abs(level - (expected.data[i] as number))));
}

describe('with profiles and orientations ignored, pixels are those of torchvision’s pipelines', () => {
  it.each(names)('%s', async (name) => {
    // The two builds of libjpeg differ in the last bit of a colour conversion.
    expect(await difference(name, 'ignore')).toBeLessThanOrEqual(/jpeg/i.test(name) ? 1 : 0);
  });
});

it('16-bit colours go through their profile as 8-bit ones do', async () => {
  for (const format of ['png', 'tiff', 'avif'] as const) {
    const eight = Buffer.from(tensors['PNG in ProPhoto.file']!.data as Uint8Array);
    const deep = sharp(eight).keepIccProfile().toColourspace('rgb16');
    const file = await {
      png: () => deep.png(),
      tiff: () => deep.tiff({ compression: 'lzw' }),
      avif: () => deep.avif({ bitdepth: 12, lossless: true }),
    }
      [format]()
      .toBuffer();
    const expected = await decodeImage(eight, 'eight');
    const { data } = await decodeImage(file, 'sixteen');
    const most = Math.max(...data.map((level, i) => Math.abs(level - expected.data[i]!)));
    expect(most, format).toBeLessThanOrEqual(format === 'avif' ? 6 : 0);
  }
});

describe('with profiles and orientations applied, pixels are those of LittleCMS', () => {
  it.each(names.filter((name) => !name.startsWith('CMYK')))('%s', async (name) => {
    expect(await difference(name, 'apply')).toBeLessThanOrEqual(/ in |gamma/.test(name) ? 2 : 1);
  });
});
