import { describe, expect, it } from 'vitest';
import { chooseFold } from './split.ts';

const images = (name: string, count: number) => Array.from({ length: count }, (_, i) => ({ sha256: `${name}${i}` }));
const foldsOf = (classes: readonly (readonly { sha256: string }[])[], of: number, seed = 0) =>
  Array.from({ length: of }, (_, i) => chooseFold(classes, { index: i + 1, of }, seed));

describe('folds', () => {
  const classes = [images('a', 12), images('b', 7), images('c', 23), images('d', 3)];

  it('hold each image once, and of each class equally many, to one', () => {
    const folds = foldsOf(classes, 5);
    expect(
      folds
        .flat()
        .map(({ sha256 }) => sha256)
        .sort(),
    ).toEqual(
      classes
        .flat()
        .map(({ sha256 }) => sha256)
        .sort(),
    );
    for (const all of classes) {
      const sizes = folds.map((fold) => fold.filter((image) => all.includes(image)).length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
    // The odd images of many classes do not all go to the same folds.
    const odd = foldsOf(
      Array.from({ length: 10 }, (_, i) => images(`${i}-`, 6)),
      5,
    ).map(({ length }) => length);
    expect(odd).toEqual([12, 12, 12, 12, 12]);
  });

  it('are decided by the seed and the contents, not by the order', () => {
    const names = (fold: readonly { sha256: string }[]) => fold.map(({ sha256 }) => sha256).sort();
    const [first] = foldsOf(classes, 5, 1);
    const [turned] = foldsOf(
      classes.map((all) => all.toReversed()),
      5,
      1,
    );
    expect(names(turned!)).toEqual(names(first!));
    expect(names(foldsOf(classes, 5, 2)[0]!)).not.toEqual(names(first!));
  });

  it('keep copies of one image together', () => {
    const copies = [[...images('a', 9), ...images('a', 9), ...images('a', 4)]];
    for (const fold of foldsOf(copies, 4)) {
      for (const { sha256 } of fold) {
        const count = (some: readonly { sha256: string }[]) => some.filter((other) => other.sha256 === sha256).length;
        expect(count(fold)).toBe(count(copies[0]!));
      }
    }
  });
});
