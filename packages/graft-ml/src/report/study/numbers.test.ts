import { expect, test } from 'vitest';
import { flopsText, points, pText, secondsText } from './numbers.ts';

test.each([
  [flopsText(0), '0 FLOP'],
  [flopsText(999), '999 FLOP'],
  [flopsText(1000), '1 kFLOP'],
  [flopsText(41_250_000), '41.3 MFLOP'],
  [flopsText(1.9e12), '1.9 TFLOP'],
  [flopsText(4e21), '4,000 EFLOP'],
  [flopsText(Number.NaN), '–'],
  [points(0.0213), '+2.1'],
  [points(-0.0213), '−2.1'],
  [points(-0.0001), '0.0'],
  [pText(0.0004), '< 0.001'],
  [pText(1), '1.000'],
  [secondsText(0.0123), '12 ms'],
  [secondsText(75), '1 min 15 s'],
  [secondsText(undefined), '–'],
])('%s', (text, expected) => {
  expect(text).toBe(expected);
});
