import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvCell } from './csv.ts';
import { printable, printableJson, printableMessage, printableName } from './printable.ts';
import { quote } from './quote.ts';

/** First and last of what a terminal may obey or an eye cannot see, line breaks and tabs aside. */
const harmful = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x061c, 0x061c],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xe0000, 0xe007f],
] as const;

function harmfulIn(text: string): string[] {
  const isHarmful = (code: number) => harmful.some(([first, last]) => code >= first && code <= last);
  return [...text].filter((character) => isHarmful(character.codePointAt(0)!));
}

describe('text for a terminal', () => {
  test.each([
    ['plain, déjà vu, 日本語, 👍', 'plain, déjà vu, 日本語, 👍'],
    ['\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
    ['\u009b2J\u007f\b', '\\u009b2J\\u007f\\u0008'],
    ['photo\u202egnp.exe', 'photo\\u202egnp.exe'],
    ['\u2066a\u2069\u200b\ufeff', '\\u2066a\\u2069\\u200b\\ufeff'],
    ['half \ud83d', 'half \\ud83d'],
    ['tag \u{e0041}', 'tag \\udb40\\udc41'],
    ['over\rwritten', 'over\\rwritten'],
    ['a\tb\nc', 'a\tb\nc'],
  ])('%j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('a name is on one line, and a long one is cut in its middle, between characters', () => {
    expect(printableName('a\nb\tc')).toBe('a\\nb\\tc');
    expect(printableName(`${'x'.repeat(500)}.png`)).toBe(`${'x'.repeat(79)}…${'x'.repeat(75)}.png`);
    expect(printableName('👍'.repeat(200))).toBe(`${'👍'.repeat(39)}…${'👍'.repeat(39)}`);
    expect(printableMessage('y'.repeat(1e6)).length).toBeLessThan(20_001);
  });

  test('nothing harmful comes through, whatever the text', () => {
    const any = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(any, (text) => {
        expect(harmfulIn(printable(text))).toEqual([]);
        expect(printableName(text)).not.toMatch(/[\n\t]/);
        expect(harmfulIn(csvCell(text))).toEqual([]);
        expect(harmfulIn(quote(text))).toEqual([]);
        expect(harmfulIn(printableJson({ [text]: text }))).toEqual([]);
        expect(JSON.parse(printableJson({ [text]: text }, 2))).toEqual({ [text]: text });
      }),
      { seed: 8, numRuns: 2000 },
    );
  });
});

test.each([
  ['=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['a,b', '"a,b"'],
  ['two\nlines', 'two lines'],
  ['bell\u0007', 'bell\\u0007'],
  ['plain', 'plain'],
  [-1.5, '-1.5'],
  [true, 'true'],
])('%j is the CSV cell %s', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});
