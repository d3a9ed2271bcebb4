import { join } from 'node:path';
import type { Planes } from '@graft-ml/core/internal/image/augment/index';
import sharp from 'sharp';
import { expect, it } from 'vitest';

import { parseAugmentation } from '../../../../test/augmentation.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { writeContactSheet } from './contact-sheet.ts';
import { previewAugmentation } from './preview.ts';

const root = temporaryFolder();
const options = {
  preprocessing: { resize: 20, crop: 16 },
  fill: [124, 116, 104],
  images: 4,
  views: 3,
  seed: 1,
} as const;

it('previews images of each class in turn: first as evaluation sees them, then augmented, by the seed', async () => {
  const folder = await drawImages(join(root, 'shapes'), { perClass: 4 });
  const augmentation = parseAugmentation('strong');
  const { rows } = await previewAugmentation(folder, { ...options, augmentation });
  expect(rows.map(({ className }) => className)).toEqual(['cross', 'disc', 'square', 'cross']);
  for (const { images } of rows) {
    expect(images).toHaveLength(4);
    expect(new Set(images.map(({ data }) => data.join())).size).toBe(4);
  }
  expect(await previewAugmentation(folder, { ...options, augmentation })).toMatchObject({ rows });
  const plain = await previewAugmentation(folder, { ...options, augmentation: [] });
  for (const [i, { images }] of plain.rows.entries()) {
    for (const image of images) expect(image).toEqual(rows[i]!.images[0]);
  }
});

it('says what was done to each view', async () => {
  const folder = await drawImages(join(root, 'described'), { perClass: 4 });
  const flipped = await previewAugmentation(folder, { ...options, views: 8, augmentation: parseAugmentation('flip') });
  const mirror = ({ width, data }: Planes) =>
    data.map((_, i) => data[Math.floor(i / width) * width + width - 1 - (i % width)]!);
  const said = new Set<boolean>();
  for (const { images, changes } of flipped.rows) {
    expect(changes[0]).toEqual([]);
    for (const [i, image] of images.entries()) {
      const isMirrored = changes[i]!.includes('mirrored');
      expect(image.data).toEqual(isMirrored ? mirror(images[0]!) : images[0]!.data);
      said.add(isMirrored);
    }
  }
  expect(said.size).toBe(2);
  const strong = await previewAugmentation(folder, {
    ...options,
    augmentation: parseAugmentation('crop=0.5,rotate=20,jitter=0.2,greyscale=1,blur=1,erase=1'),
  });
  const [, ...changes] = strong.rows[0]!.changes;
  for (const words of changes) {
    expect(words.join(', ')).toMatch(/^crop \d+ %, rotated -?\d+°, colours, grey, blurred, erased$/);
    const share = Number(/crop (\d+)/.exec(words[0]!)![1]);
    expect(share).toBeGreaterThanOrEqual(49);
    expect(share).toBeLessThanOrEqual(100);
  }
});

it('a caption stands below its image, cut at its width, and makes its row higher', async () => {
  const grey = { width: 90, height: 20, data: new Uint8Array(3 * 90 * 20).fill(99) };
  const path = join(root, 'captions.png');
  const caption = ['a <class> & more', 'a line that is too long for an image of ninety pixels'];
  await writeContactSheet(path, [[{ ...grey, caption }, grey], [grey]]);
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([4 + 2 * 94, 4 + 2 * 24 + 2 * 15 + 4]);
  const isDark = (x: number, y: number) => data[(y * info.width + x) * 3]! < 160;
  const dark = (left: number, right: number, top: number, bottom: number) => {
    let count = 0;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) if (isDark(x, y)) count++;
    return count;
  };
  expect(dark(4, 94, 25, 57)).toBeGreaterThan(60);
  expect(dark(94, info.width, 25, 57)).toBe(0);
});

it('a contact sheet has the images in rows, with white between them', async () => {
  const plain = (red: number, green: number, blue: number): Planes => ({
    width: 6,
    height: 5,
    data: Uint8Array.from({ length: 90 }, (_, i) => [red, green, blue][Math.floor(i / 30)]!),
  });
  const path = join(root, 'sheet.png');
  await writeContactSheet(path, [[plain(1, 2, 3), plain(4, 5, 6)], [plain(7, 8, 9)]]);
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([4 + 2 * 10, 4 + 2 * 9]);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  expect(at(4, 4)).toEqual([1, 2, 3]);
  expect(at(9, 8)).toEqual([1, 2, 3]);
  expect(at(10, 8)).toEqual([255, 255, 255]);
  expect(at(14, 4)).toEqual([4, 5, 6]);
  expect(at(4, 13)).toEqual([7, 8, 9]);
  expect(at(14, 13)).toEqual([255, 255, 255]);
});
