import { expect, test } from 'vitest';
import { surfaceChartSvg } from '../index.ts';
import type { SurfaceChart } from '../surface-chart.ts';

const line = (count: number) => Array.from({ length: count }, (_, i) => i - (count - 1) / 2);
const bowl: SurfaceChart = {
  title: 'A bowl',
  x: line(9),
  y: line(7),
  values: line(7).map((y) => line(9).map((x) => x * x + y * y)),
  value: 'loss',
  xLabel: 'across',
  yLabel: 'up',
  path: [{ at: [-4, -3], label: 'start' }, { at: [-2, 0] }, { at: [0, 0], label: '<end>' }],
};

/** The rectangle of the surface. */
function boxIn(svg: string) {
  const [, ...numbers] = /<rect class="grid"[^>]* x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/.exec(
    svg,
  )!;
  const [left, top, width, height] = numbers.map(Number) as [number, number, number, number];
  return { left, top, width, height };
}

const circlesIn = (svg: string) =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)] as const);

test('both directions have one scale, and the way stands where it is on the grid', async () => {
  const svg = await surfaceChartSvg(bowl);
  const { left, top, width, height } = boxIn(svg);
  expect(width / height).toBeCloseTo(8 / 6, 1);
  const [start, , end] = circlesIn(svg);
  expect(start).toEqual([expect.closeTo(left, 1), expect.closeTo(top + height, 1)]);
  expect(end).toEqual([expect.closeTo(left + width / 2, 1), expect.closeTo(top + height / 2, 1)]);
  expect(svg).toContain('&lt;end&gt;');
});

test('each shade is a smaller area around the lowest place', async () => {
  const svg = await surfaceChartSvg(bowl);
  const { left, top, width, height } = boxIn(svg);
  const areas = [...svg.matchAll(/<path class="s0"[^>]* d="([^"]*)"/g)].map(([, d]) => {
    const numbers = [...d!.matchAll(/([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    const distance = ([x, y]: readonly [number, number]) => Math.hypot(x - left - width / 2, y - top - height / 2);
    return Math.max(...numbers.map(distance));
  });
  expect(areas).toHaveLength(10);
  expect(areas).toEqual([...areas].sort((a, b) => b - a));
});

test('places without a number, and a surface that is flat, are drawn', async () => {
  const holes = bowl.values.map((row, i) => row.map((value, k) => (i === 0 && k < 3 ? Number.NaN : value)));
  for (const values of [holes, bowl.values.map((row) => row.map(() => 1))]) {
    expect(await surfaceChartSvg({ ...bowl, values })).not.toMatch(/NaN|Infinity|undefined/);
  }
});
