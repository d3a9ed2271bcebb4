import { expect, test } from 'vitest';
import { fromHalf } from './half.ts';
import { toHalf } from './to-half.ts';

test('every half comes back, and what lies between two goes to the nearer, or to the even one', () => {
  const halves = Uint16Array.from({ length: 0x7c01 }, (_, bits) => bits);
  const values = fromHalf(halves);
  expect(toHalf(values)).toEqual(halves);
  expect(toHalf(values.map((value) => -value))).toEqual(halves.map((bits) => bits | 0x8000));
  const between = (share: number) => Float32Array.from(values.slice(0, -2), (a, i) => a + share * (values[i + 1]! - a));
  const nearest = (to: (bits: number) => number) => halves.slice(0, -2).map(to);
  expect(toHalf(between(0.25))).toEqual(nearest((bits) => bits));
  expect(toHalf(between(0.75))).toEqual(nearest((bits) => bits + 1));
  expect(toHalf(between(0.5))).toEqual(nearest((bits) => bits + (bits % 2)));
});

test('too large is infinite, no number stays none', () => {
  expect([...toHalf(Float32Array.of(65519, 65520, -1e30, Number.NaN))]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7e00]);
});
