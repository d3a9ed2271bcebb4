import { expect, test } from 'vitest';
import { formatSeconds, percent, table } from './format.ts';

test.each([
  [0, '0:00'],
  [6.6, '0:07'],
  [59.6, '1:00'],
  [123, '2:03'],
  [3599.5, '1:00:00'],
  [3723, '1:02:03'],
  [360_000, '100:00:00'],
  [-1, '0:00'],
])('%f seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('a share is a percentage with one digit, and a dash where there is none', () => {
  expect([0, 0.7166, 1, Number.NaN].map(percent)).toEqual(['0.0 %', '71.7 %', '100.0 %', '–']);
});

test('a table sets numbers to the right and words to the left, and ends no line in blanks', () => {
  const text = table(
    ['class', 'images', 'recall', 'note'],
    [
      ['ant', 7, '100.0 %', 'a'],
      ['bumble-bee', '1,234', '–', ''],
    ],
  );
  expect(text.split('\n')).toEqual([
    'class       images   recall  note',
    '──────────  ──────  ───────  ────',
    'ant              7  100.0 %  a',
    'bumble-bee   1,234        –',
  ]);
  expect(table(['a', 'bb'], [])).toBe('a  bb\n─  ──');
});
