import { describe, expect, it } from 'vitest';
import { startsOf } from '../image/image-table.ts';
import { episodeSource, type HeldClass, type QuarterTurns, turn, writeImage } from './episode-source.ts';

const side = 4;
const area = side * side;

/**
 * `count` images, the odd ones grey; byte j of plane c of image i is (7 i + 3 j + 11 c) mod 256, so that none are
 * equal.
 */
function tableOf(count: number) {
  const planes = Array.from({ length: count }, (_, i) => (i % 2 === 1 ? 1 : 3));
  const starts = startsOf(planes);
  const bytes = new Uint8Array(starts[count]! * area);
  planes.forEach((n, i) => {
    for (let c = 0; c < n; c++)
      for (let j = 0; j < area; j++) bytes[(starts[i]! + c) * area + j] = 7 * i + 3 * j + 11 * c;
  });
  return { side, bytes, starts };
}

/** Classes of `perClass` images in a row. */
const classesOf = (count: number, perClass: number): HeldClass[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `class ${i}`,
    images: Array.from({ length: perClass }, (_, j) => i * perClass + j),
    turns: 0,
  }));

const sourceOf = (classes: readonly HeldClass[], images: number, seed = 0) =>
  episodeSource(tableOf(images), classes, { side: 'train', seed });

/** The image of the table that a row of an episode is: its first byte is 7 i. */
const imageAt = (data: Uint8Array, row: number) =>
  Array.from({ length: 36 }, (_, i) => i).find((i) => ((7 * i) & 255) === data[row * 3 * area])!;

describe('rotations', () => {
  const plane = Uint8Array.from({ length: area }, (_, i) => i);

  it('are those of torch.rot90', () => {
    const turned = (turns: QuarterTurns) => {
      const out = new Uint8Array(area);
      turn(plane, side, turns, out);
      return [...out];
    };
    expect(turned(0)).toEqual([...plane]);
    expect(turned(1)).toEqual([3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12]);
    expect(turned(2)).toEqual([...plane].reverse());
    expect(turned(3)).toEqual([12, 8, 4, 0, 13, 9, 5, 1, 14, 10, 6, 2, 15, 11, 7, 3]);
  });

  it('turn every plane; a grey image has three equal ones', () => {
    const table = tableOf(2);
    for (const row of [0, 1]) {
      const out = new Uint8Array(3 * area);
      writeImage(table, row, 1, out);
      for (let c = 0; c < 3; c++) {
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            const from = x * side + side - 1 - y;
            expect(out[(c * side + y) * side + x]).toBe(7 * row + 3 * from + (row === 0 ? 11 * c : 0));
          }
      }
    }
  });
});

describe('an episode', () => {
  const shape = { way: 5, shots: 2, queries: 3 };
  const source = sourceOf(classesOf(9, 5), 45);

  it('has images in class order, labels beside them, and no image twice', () => {
    const small = sourceOf(classesOf(6, 6), 36);
    for (let i = 0; i < 50; i++) {
      const { support, query, supportLabels, queryLabels, classes } = small.draw(shape, ['test', i]);
      expect(support.shape).toEqual([10, 3, side, side]);
      expect(query.shape).toEqual([15, 3, side, side]);
      expect([...supportLabels.data].map(Number)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
      expect([...queryLabels.data].map(Number)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
      expect(new Set(classes).size).toBe(5);
      const rows = [
        ...Array.from(supportLabels.data, (label, row) => [Number(label), imageAt(support.data, row)]),
        ...Array.from(queryLabels.data, (label, row) => [Number(label), imageAt(query.data, row)]),
      ];
      for (const [label, image] of rows) expect(`class ${Math.floor(image! / 6)}`).toBe(classes[label!]);
      expect(new Set(rows.map(([, image]) => image)).size).toBe(25);
    }
  });

  it('is the same at the same address and another elsewhere', () => {
    const again = sourceOf(classesOf(9, 5), 45);
    again.draw(shape, ['other', 1]);
    expect(again.draw(shape, ['train', 7, 2])).toEqual(source.draw(shape, ['train', 7, 2]));
    expect(source.draw(shape, ['train', 7, 3])).not.toEqual(source.draw(shape, ['train', 7, 2]));
    expect(sourceOf(classesOf(9, 5), 45, 1).draw(shape, ['train', 7, 2])).not.toEqual(
      source.draw(shape, ['train', 7, 2]),
    );
  });

  it('has each class under each label equally often, and each image in each place', () => {
    const small = sourceOf(classesOf(6, 6), 36);
    const labels = Array.from({ length: 6 }, () => [0, 0, 0]);
    const first = new Array<number>(36).fill(0);
    const asked = new Array<number>(36).fill(0);
    for (let i = 0; i < 6000; i++) {
      const { classes, support, query } = small.draw({ way: 3, shots: 1, queries: 1 }, [i]);
      classes.forEach((name, label) => {
        labels[Number(name.slice(6))]![label]!++;
        first[imageAt(support.data, label)]!++;
        asked[imageAt(query.data, label)]!++;
      });
    }
    // Binomial(6000, 1/6): 1000 ± 29; and of each image 6000 · 3/36: 500 ± 21.
    for (const count of labels.flat()) expect(Math.abs(count - 1000)).toBeLessThan(4 * 29);
    for (const count of [...first, ...asked]) expect(Math.abs(count - 500)).toBeLessThan(4 * 22);
  });
});

describe('refuses', () => {
  const classes = [...classesOf(4, 3), { name: 'large', images: [12, 13, 14, 15, 16, 17], turns: 0 as const }];
  const source = sourceOf(classes, 18);

  it.each([
    [{ way: 6, shots: 1, queries: 1 }, 'need 6 classes of 2 images; the train side has 5, and 5 classes in all'],
    [{ way: 2, shots: 3, queries: 3 }, 'need 2 classes of 6 images; the train side has 1, and 5 classes in all'],
    [{ way: 1, shots: 1, queries: 1 }, 'way: expected a whole number of at least 2, received 1'],
    [{ way: 2, shots: 0, queries: 1 }, 'shots: expected a whole number of at least 1, received 0'],
    [{ way: 2, shots: 1, queries: 1.5 }, 'queries: expected a whole number of at least 1, received 1.5'],
  ])('%j', (shape, message) => {
    expect(() => source.draw(shape, [0])).toThrow(message);
  });
});

describe('a character and its rotations', () => {
  const turned = classesOf(4, 6).flatMap((one) =>
    ([0, 1, 2, 3] as const).map((turns) => ({ ...one, name: `${one.name}@${90 * turns}`, turns })),
  );
  const source = sourceOf(turned, 24);
  const characters = (classes: readonly string[]) => new Set(classes.map((name) => name.split('@')[0]));
  const draws = Array.from({ length: 200 }, (_, i) => source.draw({ way: 4, shots: 1, queries: 1 }, [i]).classes);

  it('do not meet in an episode', () => {
    for (const classes of draws) expect(characters(classes).size).toBe(4);
    expect(new Set(draws.flat()).size).toBe(16);
  });

  it('count as characters where there are too few of those', () => {
    const { classes } = source.draw({ way: 5, shots: 1, queries: 1 }, [0]);
    expect(new Set(classes).size).toBe(5);
    expect(characters(classes).size).toBeLessThan(5);
  });
});
