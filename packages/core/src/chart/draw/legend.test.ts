import { describe, expect, test } from 'vitest';
import { layOutLegend, swatchWidth } from './legend.ts';
import { textWidth } from './markup.ts';
import { fontSize, lineHeight } from './theme.ts';

/** Position and name of each entry. */
function entries(markup: string) {
  const cells = markup.matchAll(/<g transform="translate\(([\d.]+) ([\d.]+)\)">.*?<text[^>]*>([^<]*)<\/text>/g);
  return [...cells].map(([, x, y, name]) => ({ x: Number(x), y: Number(y), name: name! }));
}

const items = (count: number, name: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => ({ name: name(i), swatch: '<path/>' }));

test('in one row where the names fit', () => {
  const { markup, height } = layOutLegend(
    items(3, (i) => `run ${i}`),
    400,
    100,
  );
  expect(height).toBe(lineHeight);
  const width = textWidth('run 0', fontSize.legend) + swatchWidth + 6 + 18;
  expect(entries(markup)).toEqual(
    [0, 1, 2].map((i) => ({ x: expect.closeTo(i * width, 1), y: lineHeight / 2, name: `run ${i}` })),
  );
});

describe.each([
  [328, 176],
  [688, 176],
  [968, 176],
  [100, 60],
])('%d pixels wide', (width, maxHeight) => {
  test.each([
    [2, 60],
    [12, 50],
    [12, 8],
    [100, 160],
    [7, 1],
  ])('%d names of %d characters keep to their cells', (count, length) => {
    const { markup, height } = layOutLegend(
      items(count, (i) => `${i}`.padEnd(length, 'wide ')),
      width,
      maxHeight,
    );
    const cells = entries(markup);
    expect(height).toBeLessThanOrEqual(maxHeight);
    for (const [i, { x, y, name }] of cells.entries()) {
      const end = x + swatchWidth + 6 + textWidth(name, fontSize.legend);
      const next = cells[i + 1];
      expect(end).toBeLessThanOrEqual(next !== undefined && next.y === y ? next.x : width + 0.02);
      expect(y + lineHeight / 2).toBeLessThanOrEqual(height);
      expect(next === undefined || next.y > y || next.x > x).toBe(true);
    }
    const more = Number(/>\+ (\d+) more</.exec(markup)?.[1] ?? 0);
    expect(cells.length + more).toBe(count);
  });
});

test('a cut name is shown whole by its tooltip', () => {
  const name = 'MAML with five inner steps & a learning rate of 0.01, one of two';
  const { markup } = layOutLegend([{ name, swatch: '' }, { name: 'short', swatch: '' }], 300, 100); // biome-ignore format: two
  expect(entries(markup).map((entry) => entry.name)[0]).toContain('…');
  expect(markup).toContain(`<title>${name.replace('&', '&amp;')}</title>`);
  expect(markup).not.toContain('<title>short</title>');
});
