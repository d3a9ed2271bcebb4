import { describe, expect, test } from 'vitest';
import { documentOf, palette, themeCss } from './theme.ts';

type Rgb = readonly [number, number, number];

/** Linear RGB of `#rrggbb`. */
function linear(hex: string): Rgb {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

const times = (m: readonly Rgb[], [x, y, z]: Rgb): Rgb => {
  const [a, b, c] = m.map(([p, q, r]) => p * x + q * y + r * z);
  return [a!, b!, c!];
};

/** Ottosson's OKLab. */
function oklab(rgb: Rgb): Rgb {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  );
  const [l, m, s] = cones.map(Math.cbrt);
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    [l!, m!, s!],
  );
}

/**
 * Of full severity: Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
 * deficiency", 2009.
 */
const visions: Readonly<Record<string, readonly Rgb[]>> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}; // biome-ignore format: matrices

const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

describe.each([
  ['on white', 0, '#ffffff', 3],
  ['on dark', 1, '#15181c', 4.5],
] as const)('the palette %s', (_, scheme, background, contrast) => {
  const colors = palette.map((color) => color[scheme]);

  test('stands out from its background', () => {
    for (const color of colors) {
      const [light, dark] = [luminance(linear(color)), luminance(linear(background))].sort((a, b) => b - a);
      expect((light! + 0.05) / (dark! + 0.05), color).toBeGreaterThanOrEqual(contrast);
    }
  });

  test.each(Object.keys(visions))('has no two colours that look alike with %s vision', (vision) => {
    const seen = colors.map((color) =>
      oklab(times(visions[vision]!, linear(color)).map((value) => Math.min(1, Math.max(0, value))) as unknown as Rgb),
    );
    const distances = seen.flatMap((a, i) =>
      seen.slice(0, i).map((b) => Math.hypot(...a.map((value, k) => value - b[k]!))),
    );
    expect(Math.min(...distances)).toBeGreaterThan(0.09);
  });
});

test('the colours of a document are attributes, and the dark ones rules for viewers in the dark', () => {
  const svg = documentOf(30, 20, 'a "title"', []);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="30" height="20" viewBox="0 0 30 20"/);
  expect(svg).toContain('aria-label="a &quot;title&quot;"');
  expect(svg).toContain('<rect class="paper" color="#ffffff"');
  expect(svg).toMatch(
    /@media screen and \(prefers-color-scheme:dark\)\{.*\.graft-chart \.paper\{color:#15181c\}.*\.s7\{color:#aeaeae\}/,
  );
});

test('a page gets the same colours as custom properties', () => {
  const css = themeCss('.report');
  const [light, dark] = css.split('@media screen and (prefers-color-scheme:dark)');
  expect(light).toMatch(/^\.report\{--chart-paper:#ffffff;.*--chart-s0:#196cb4;.*--chart-s7:#12191e\}$/);
  expect(dark).toMatch(/^\{\.report\{--chart-paper:#15181c;.*--chart-s7:#aeaeae\}\}$/);
});
