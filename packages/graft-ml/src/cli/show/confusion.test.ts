import { confusionMatrixText, measure } from '@graft-ml/core/evaluate';
import { printable } from '@graft-ml/core/internal/base/printable';
import { describe, expect, test } from 'vitest';
import { confusionLines } from './confusion.ts';
import { hasColours, type Line, lineText, styled } from './styled.ts';

/** Labels and answers as images that a classifier is sure of. */
const judged = (pairs: readonly (readonly [label: number, taken: number])[], classes: number) =>
  pairs.map(([label, taken]) => ({
    label,
    probabilities: Array.from({ length: classes }, (_, i) => Number(i === taken)),
  }));
const plain = (lines: readonly Line[]) => lines.map((line) => lineText(line, { colours: false, safe: printable }));
const pairs = [
  ...Array.from({ length: 9 }, () => [0, 0] as const),
  [0, 1] as const,
  ...Array.from({ length: 3 }, () => [1, 0] as const),
  [1, 1] as const,
];

describe('a confusion matrix in characters', () => {
  const two = measure(judged(pairs, 3), ['cat', 'dog', 'cow'], { replicates: 0 });

  test('counts, or percent of each row', () => {
    expect(plain(confusionLines(two, { byRow: false }))).toEqual([
      'Confusion matrix (images)',
      'true \\ predicted       1  2  3',
      '1 cat                  9  1  ·',
      '2 dog                  3  1  ·',
      '3 cow                  ·  ·  ·',
    ]);
    expect(plain(confusionLines(two, { byRow: true })).slice(1, 4)).toEqual([
      'true \\ predicted       cat  dog  cow',
      'cat                     90   10    ·',
      'dog                     75   25    ·',
    ]);
  });

  test('columns are named where all names fit', () => {
    const named = measure(judged(pairs, 3), ['a', 'b', 'no'], { replicates: 0 });
    expect(plain(confusionLines(named, { byRow: false }))).toEqual([
      'Confusion matrix (images)',
      'true \\ predicted       a  b no',
      'a                      9  1  ·',
      'b                      3  1  ·',
      'no                     ·  ·  ·',
    ]);
    expect(confusionMatrixText(named).split('\n')).toEqual(plain(confusionLines(named, {})));
  });

  test('hits are blue and errors orange, darker the larger their share; what is not there has no ground', () => {
    const grounds = confusionLines(two, { byRow: false })
      .slice(2)
      .map((line) => (line as readonly unknown[]).slice(1).map((cell) => (cell as { style: object }).style));
    expect(grounds).toEqual([
      [{ background: 18, text: 231 }, { background: 222, text: 16 }, { dim: true }],
      [{ background: 202, text: 16 }, { background: 75, text: 16 }, { dim: true }],
      [{ dim: true }, { dim: true }, { dim: true }],
    ]);
  });

  test.each([40, 80, 110])('of 60 classes those with most errors that fit in %i characters', (width) => {
    const names = Array.from({ length: 60 }, (_, i) => `a class with a rather long name, number ${i}`);
    const many = Array.from({ length: 600 }, (_, i) => [i % 60, i % 7 === 0 ? (i * 13) % 60 : i % 60] as const);
    const one = [...many, ...Array.from({ length: 2000 }, () => [41, 17] as const)];
    const lines = plain(confusionLines(measure(judged(one, 60), names, { replicates: 0 }), { byRow: false, width }));
    expect(lines[0]).toMatch(/the \d+ of 60 classes with most errors, all with --json/);
    expect(Math.max(...lines.slice(1).map(({ length }) => length))).toBeLessThanOrEqual(width);
    expect(lines.some((line) => line.startsWith('42 '))).toBe(true);
    expect(lines.some((line) => line.startsWith('18 '))).toBe(true);
  });
});

describe('styles', () => {
  const line = ['a ', styled('\u001b[2Jb', { bold: true, background: 18 })];

  test('are codes where there are colours; what text brings along is never one', () => {
    expect(lineText(line, { colours: true, safe: printable })).toBe('a \u001b[1;48;5;18m\\u001b[2Jb\u001b[0m');
    expect(lineText(line, { colours: false, safe: printable })).toBe('a \\u001b[2Jb');
  });

  test('colours are a terminal’s that has them, and none of a pipe', () => {
    const stream = (isTTY: boolean, colours: boolean) =>
      ({ isTTY, hasColors: (count: number) => count === 256 && colours }) as unknown as NodeJS.WriteStream;
    expect([stream(true, true), stream(true, false), stream(false, true)].map(hasColours)).toEqual([
      true,
      false,
      false,
    ]);
  });
});
