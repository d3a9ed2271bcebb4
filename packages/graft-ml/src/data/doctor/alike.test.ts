import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { resizeImage } from '@graft-ml/core/internal/image/view';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { openImage } from '../image/open.ts';
import { alikeGroups } from './alike.ts';
import { correlation, type Likeness, likenessFrom, likenessViews } from './likeness.ts';

const shared = '../shared/data';
const likeness = async (bytes: Uint8Array) => {
  const image = await openImage(bytes, 'memory');
  return likenessFrom(await resizeImage(image, likenessViews(image)));
};

describe('pairs that differ in a known number of bits', () => {
  /** An image with `flips` bits of the hash turned, and the same thumbnail. */
  function turned({ hash, thumbnail }: Likeness, flips: readonly number[]): Likeness {
    const words = hash.slice();
    for (const bit of flips) words[bit >> 4]! ^= 1 << (bit & 15);
    return { hash: words, thumbnail };
  }
  const stream = randomStream(0, 'alike');
  const image: Likeness = {
    hash: Uint16Array.from({ length: 4 }, () => stream.integer(65_536)),
    thumbnail: Uint8Array.from({ length: 256 }, () => stream.integer(256)),
  };
  const bits = (count: number) =>
    Array.from({ length: 64 }, (_, i) => i)
      .sort(() => stream.uniform() - 0.5)
      .slice(0, count);

  test('up to 11 are found wherever they are, 12 never', () => {
    for (let round = 0; round < 200; round++) {
      const flips = 1 + (round % 12);
      expect(alikeGroups([image, turned(image, bits(flips))])).toEqual(flips <= 11 ? [[0, 1]] : []);
    }
  });

  test('a single grey is like nothing, itself included', () => {
    const grey = { hash: new Uint16Array(4), thumbnail: new Uint8Array(256).fill(9) };
    expect(correlation(grey.thumbnail, grey.thumbnail)).toBeNaN();
    expect(alikeGroups([grey, grey])).toEqual([]);
  });

  test('brightness and contrast do not matter, a chain is one group', () => {
    const lighter = { ...image, thumbnail: image.thumbnail.map((level) => 30 + level / 2) };
    expect(correlation(image.thumbnail, lighter.thumbnail)).toBeGreaterThan(0.9999);
    const stranger = { hash: image.hash, thumbnail: image.thumbnail.toReversed() };
    const chain = [0, 6, 12].map((count) =>
      turned(
        image,
        Array.from({ length: count }, (_, i) => i),
      ),
    );
    expect(alikeGroups([chain[2]!, stranger, chain[0]!, chain[1]!])).toEqual([[0, 2, 3]]);
  });
});

describe.each([
  ['trashnet_600', []],
  ['caltech101_10x60', ['watch/image_0172.jpg', 'watch/image_0212.jpg']],
] as const)('%s', (name, expected) => {
  const root = join(shared, name);
  const isThere = existsSync(root);
  const files = isThere
    ? readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.jpg'))
        .sort()
    : [];

  test.skipIf(!isThere)('no false pair among 179,700', async () => {
    const likenesses: Likeness[] = [];
    for (const file of files) likenesses.push(await likeness(await sharp(join(root, file)).toBuffer()));
    expect(files).toHaveLength(600);
    expect(alikeGroups(likenesses).map((group) => group.map((i) => files[i]))).toEqual(
      expected.length > 0 ? [expected] : [],
    );
  });

  const variants: Record<string, (image: Sharp) => Sharp> = {
    'half the size': (image) => image.resize(150).jpeg(),
    'quality 15': (image) => image.jpeg({ quality: 15 }),
    blurred: (image) => image.blur(1.5).png(),
    squashed: (image) => image.resize(200, 200, { fit: 'fill' }).webp(),
    'of more contrast': (image) => image.linear(1.2, -20).jpeg(),
  };
  test.skipIf(!isThere).each(Object.entries(variants))('copies are known again: %s', async (_, make) => {
    const some = files.filter((__, i) => i % 30 === 0);
    const likenesses: Likeness[] = [];
    for (const file of some) {
      likenesses.push(await likeness(await sharp(join(root, file)).toBuffer()));
      likenesses.push(await likeness(await make(sharp(join(root, file))).toBuffer()));
    }
    expect(alikeGroups(likenesses)).toEqual(some.map((__, i) => [2 * i, 2 * i + 1]));
  });
});
