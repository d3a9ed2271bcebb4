import { describe, expect, test } from 'vitest';
import { inkOf, writtenByCode } from './drawing.ts';

const level = (ink: Uint8Array, side: number, row: number, column: number) => ink[row * side + column];

describe('ink on paper', () => {
  test('a line is dark where the pen went, as wide as the pen, and the paper is white', () => {
    const ink = inkOf([[[0, 0.5], [1, 0.5]]], 100); // biome-ignore format: a line
    expect([50, 49].map((row) => level(ink, 100, row, 30))).toEqual([0, 0]);
    expect(level(ink, 100, 51, 30)).toBeGreaterThan(0);
    expect([40, 60].map((row) => level(ink, 100, row, 30))).toEqual([255, 255]);
    const covered = ink.reduce((sum, value) => sum + (255 - value) / 255, 0);
    expect(covered / 100 / 100).toBeCloseTo(0.032, 2);
  });

  test('a dot, and nothing', () => {
    expect(inkOf([[[0.5, 0.5]]], 28).some((value) => value < 255)).toBe(true);
    expect(inkOf([], 28).every((value) => value === 255)).toBe(true);
  });
});

describe('characters by code', () => {
  test('the same again, another by another hand, and others of another seed', () => {
    expect(writtenByCode(3, 1, 2)).toEqual(writtenByCode(3, 1, 2));
    const inks = [writtenByCode(3, 1, 2), writtenByCode(3, 1, 3), writtenByCode(3, 2, 2), writtenByCode(4, 1, 2)];
    expect(new Set(inks.map((drawing) => inkOf(drawing, 28).join())).size).toBe(4);
  });

  test('stay on the paper', () => {
    const points = Array.from({ length: 200 }, (_, label) => writtenByCode(0, label, 7))
      .flat(2)
      .flat();
    expect([Math.min(...points) > 0, Math.max(...points) < 1]).toEqual([true, true]);
  });
});
