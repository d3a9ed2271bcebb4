import { expect, test } from 'vitest';
import { element, fitted, textElement, textWidth, wrapped } from './markup.ts';

test('text and attributes are escaped, numbers have two decimals, children are markup', () => {
  const text = textElement('<a href="x"> & \ufffe', { x: 1 / 3, class: '"<&>', dy: undefined });
  expect(text).toBe('<text x="0.33" class="&quot;&lt;&amp;&gt;">&lt;a href=&quot;x&quot;&gt; &amp; \ufffd</text>');
  expect(element('g', { y: 2.999 }, '<path/>', '')).toBe('<g y="3"><path/></g>');
  expect(element('path', {})).toBe('<path/>');
});

// The sums of the advance widths in DejaVuSans.ttf and DejaVuSans-Bold.ttf, version 2.37.
test.each([
  ['learning rate', 64.46, 73.44],
  ['validation accuracy, %', 113.39, 126.86],
  ['MAML (5 steps)', 77.03, 87.7],
  ['0.0001', 34.99, 38.59],
  ['WWW', 29.66, 33.09],
  ['iiii', 11.11, 13.71],
])('%j is at least as wide as in DejaVu Sans, and at most a fifth wider', (text, regular, bold) => {
  for (const [width, measured] of [
    [textWidth(text, 10), regular],
    [textWidth(text, 10, true), bold],
  ] as const) {
    expect(width).toBeGreaterThanOrEqual(measured);
    expect(width).toBeLessThan(measured * 1.2);
  }
  expect(textWidth(text, 20)).toBeCloseTo(2 * textWidth(text, 10), 10);
});

test('wide characters count more, combining ones nothing', () => {
  expect(textWidth('漢字', 10)).toBe(22);
  expect(textWidth('e\u0301', 10)).toBe(textWidth('e', 10));
  expect(textWidth('a', 10, true)).toBeGreaterThan(textWidth('a', 10));
});

test('a text that is too wide loses its middle, by whole characters', () => {
  expect(fitted('short', textWidth('short', 12), 12)).toBe('short');
  const cut = fitted('MAML with five inner steps', 100, 12);
  expect(cut).toBe('MAML wi…steps');
  expect(textWidth(cut, 12)).toBeLessThanOrEqual(100);
  expect(fitted('😀😀😀😀', 40, 12)).toBe('😀…😀');
  expect(fitted('anything', 1, 12)).toBe('…');
});

test('a title is broken between words, and cut in its last line', () => {
  expect(wrapped('one two three', 1000, 12, 2)).toEqual(['one two three']);
  expect(wrapped('one two three', textWidth('one two', 12), 12, 2)).toEqual(['one two', 'three']);
  expect(wrapped('one two three four five six', textWidth('one two', 12), 12, 2)).toEqual(['one two', 'thr…six']);
  expect(wrapped('unbreakable it is', textWidth('unbre', 12), 12, 2)).toEqual(['un…e', 'it is']);
});
