import { describe, expect, it } from 'vitest';
import { parseAugmentation } from '../../../../test/augmentation.ts';
import type { Augmentation } from '../image/augment/index.ts';
import { startsOf } from '../image/image-table.ts';
import { augmentedSource } from './augmented.ts';
import { episodeSource } from './episode-source.ts';

const side = 8;
const area = side * side;
const shape = { way: 3, shots: 2, queries: 3 };

/** Three classes of five images, all grey; byte `at` of image `i` is `pixel(i, at)`. */
function sourceOf(pixel: (i: number, at: number) => number) {
  const table = {
    side,
    bytes: Uint8Array.from({ length: 15 * area }, (_, j) => pixel(Math.floor(j / area), j % area)),
    starts: startsOf(Array<number>(15).fill(1)),
  };
  const classes = Array.from({ length: 3 }, (_, c) => ({
    name: `class ${c}`,
    images: Array.from({ length: 5 }, (_, j) => 5 * c + j),
    turns: 0 as const,
  }));
  return episodeSource(table, classes, { side: 'train', seed: 0 });
}

const noise = sourceOf((i, at) => (37 * i + 11 * at + ((at * at) >> 3)) & 255);
const augment = (list: string, source = noise, seed = 0) => augmentedSource(source, parseAugmentation(list), seed);

describe('an augmented source', () => {
  it('is the source itself where nothing is to be done', () => {
    expect(augmentedSource(noise, [], 0)).toBe(noise);
  });

  it('draws the same tasks', () => {
    const plain = noise.draw(shape, ['train', 3]);
    const { support, supportLabels, query, queryLabels, classes } = augment('rotate=30').draw(shape, ['train', 3]);
    expect([support.shape, query.shape]).toEqual([plain.support.shape, plain.query.shape]);
    expect({ supportLabels, queryLabels, classes }).toEqual({
      supportLabels: plain.supportLabels,
      queryLabels: plain.queryLabels,
      classes: plain.classes,
    });
  });

  it('mirrors support and queries pixel by pixel', () => {
    const plain = noise.draw(shape, [1]);
    const flipped = augment('flip=1').draw(shape, [1]);
    for (const part of ['support', 'query'] as const) {
      const mirrored = Uint8Array.from(
        plain[part].data,
        (_, j) => plain[part].data[j - (j % side) + side - 1 - (j % side)]!,
      );
      expect(flipped[part].data).toEqual(mirrored);
    }
  });

  it('is a function of seed and address, and other for every image', () => {
    const source = augment('crop=0.5,rotate=20');
    const { data } = source.draw(shape, ['train', 0]).support;
    expect(augment('crop=0.5,rotate=20').draw(shape, ['train', 0]).support.data).toEqual(data);
    expect(augment('crop=0.5,rotate=20', noise, 1).draw(shape, ['train', 0]).support.data).not.toEqual(data);
    const same = augment(
      'rotate=20',
      sourceOf((_, at) => (at * 29) & 255),
    ).draw(shape, ['train', 0]).support.data;
    expect(same.subarray(0, 3 * area)).not.toEqual(same.subarray(3 * area, 6 * area));
  });

  it('leaves paper paper: what a rotation leaves empty has the colour of the edge', () => {
    const isInk = (at: number) => at === 27 || at === 28;
    const paper = sourceOf((_, at) => (isInk(at) ? 0 : 255));
    const turn: Augmentation = [{ kind: 'rotate', degrees: 45 }];
    const { data } = augmentedSource(paper, turn, 0).draw(shape, [0]).query;
    for (let i = 0; i < data.length; i += area) {
      const corners = [0, side - 1, area - side, area - 1].map((at) => data[i + at]!);
      // A pixel half outside is a quarter darker, as in torchvision.
      expect(Math.min(...corners)).toBeGreaterThan(190);
    }
  });
});
