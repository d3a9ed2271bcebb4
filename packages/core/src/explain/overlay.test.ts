import { expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { colourOf } from './colour-map.ts';
import { interleaved, overlay, sideBySide } from './overlay.ts';

/** Lightness L* of CIELAB, of an sRGB colour (IEC 61966-2-1, white D65). */
function lightness(colour: readonly number[]): number {
  const linear = colour.map((value) => (value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const y = 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
}

test('the colour map grows lighter evenly, so that it is read with any colour vision', () => {
  const steps = Array.from({ length: 65 }, (_, i) => lightness(colourOf(i / 64)));
  const rises = steps.slice(1).map((value, i) => value - steps[i]!);
  expect(Math.min(...rises.slice(3))).toBeGreaterThan(0.9);
  expect(Math.max(...rises)).toBeLessThan(2.4);
  expect([steps[0]! < 1, steps[64]! > 97]).toEqual([true, true]);
  expect([colourOf(-1), colourOf(2)]).toEqual([colourOf(0), colourOf(1)]);
  // matplotlib.colormaps['inferno'](0.5, bytes=True) is (188, 55, 84).
  colourOf(0.5).forEach((value, i) => {
    expect(Math.abs(value - [188, 55, 84][i]!)).toBeLessThanOrEqual(2);
  });
});

test('an overlay leaves the image grey where nothing speaks for the class, and colours the rest', () => {
  const image = { width: 2, height: 2, data: Uint8Array.from([200, 0, 0, 50, 0, 100, 0, 50, 0, 0, 30, 50]) };
  const { data } = overlay(image, [0, 1, -1, 1], { opacity: 1 });
  const pixel = (i: number) => Array.from(data.slice(3 * i, 3 * i + 3));
  expect(pixel(0)).toEqual([60, 60, 60]); // 0.299 · 200
  expect([pixel(1), pixel(3)]).toEqual([colourOf(1), colourOf(1)]);
  expect(pixel(2)).toEqual([3, 3, 3]); // 0.114 · 30: what speaks against it does not show
  expect(() => overlay(image, [1])).toThrow(OptionError);
});

test('blur spreads a single pixel evenly around it, and leaves it the lightest', () => {
  const image = { width: 7, height: 5, data: new Uint8Array(3 * 35) };
  const map = new Float32Array(35);
  map[2 * 7 + 3] = 0.4;
  const { data } = overlay(image, map, { opacity: 1, blur: 1 });
  const red = (x: number, y: number) => data[3 * (y * 7 + x)]!;
  expect(red(3, 2)).toBe(colourOf(1)[0]);
  const share = Math.exp(-1 / 2);
  expect(red(2, 2)).toBe(Math.round(Math.sqrt(share) * colourOf(share)[0]));
  expect([red(4, 2), red(3, 1), red(3, 3)]).toEqual([red(2, 2), red(2, 2), red(2, 2)]);
  expect(red(2, 1)).toBeLessThan(red(2, 2));
});

test('images stand side by side, enlarged, with white between them', () => {
  const image = (value: number) => interleaved({ width: 1, height: 1, data: new Uint8Array(3).fill(value) });
  const sheet = sideBySide([image(1), image(2)], { gap: 1, scale: 2 });
  expect([sheet.width, sheet.height]).toEqual([5, 2]);
  expect(Array.from(sheet.data.filter((_, i) => i % 3 === 0))).toEqual([1, 1, 255, 2, 2, 1, 1, 255, 2, 2]);
});
