import { expect, test } from 'vitest';
import { drawIntervalChart } from './interval-chart.ts';
import { drawParallelChart } from './parallel-chart.ts';

/** The paths of the lines that can be seen, without those for the pointer. */
const linesOf = (svg: string) => [...svg.matchAll(/<path d="([^"]*)" stroke-width="1.5"\/>/g)].map(([, d]) => d!);
const pointsOf = (d: string) => [...d.matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);

test('parallel coordinates: an axis for each column, a line for each run, and a gap where it has no value', () => {
  const svg = drawParallelChart(
    {
      title: 'Options <b>',
      axes: [
        { label: 'rate', scale: 'log' },
        { label: 'optimizer', categories: ['adam', 'sgd'] },
        { label: 'accuracy', format: 'percent' },
      ],
      lines: [
        { name: 'best', key: '0', values: [0.1, 'sgd', 0.9] },
        { name: 'worst"><script>', key: '1', values: [0.001, 'adam', 0.5], emphasis: 0 },
        { name: 'middle', key: '2', values: [0.01, null, 0.7] },
      ],
    },
    960,
    420,
  );
  expect(svg.match(/data-axis="/g)).toHaveLength(3);
  expect([...svg.matchAll(/data-key="(\d)"/g)].map(([, key]) => key)).toEqual(['0', '1', '2']);
  const [best, worst, middle] = linesOf(svg).map(pointsOf);
  // Upwards on every axis, and half-way in the logarithm.
  for (const i of [0, 1, 2]) expect(best![i]![1]).toBeLessThan(worst![i]![1]!);
  expect(middle![0]![1]).toBeCloseTo((best![0]![1]! + worst![0]![1]!) / 2, 1);
  expect(middle).toHaveLength(2);
  expect(linesOf(svg)[2]).toMatch(/^M[^L]*M[^L]*$/);
  expect(svg).not.toContain('<script');
  expect(svg).toContain('aria-label="Options &lt;b&gt;"');
});

test('intervals: the bar from the lower to the upper end, the mean and the points within it, none of a single run', () => {
  const svg = drawIntervalChart(
    {
      title: 'Seeds',
      x: { label: 'accuracy', format: 'percent' },
      rows: [
        { name: 'a', points: [0.6, 0.8], mean: 0.7, interval: [0.5, 0.9] },
        { name: 'b', points: [0.4], mean: 0.4, interval: null },
      ],
    },
    720,
  );
  const bars = [...svg.matchAll(/<path d="M([\d.]+) [\d.]+H([\d.]+)"[^>]*stroke-width="7"/g)];
  expect(bars).toHaveLength(1);
  const [low, high] = [Number(bars[0]![1]), Number(bars[0]![2])];
  const points = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  expect(points).toHaveLength(3);
  expect(points[0]! - low).toBeCloseTo(0.25 * (high - low), 1);
  expect(points[1]! - low).toBeCloseTo(0.75 * (high - low), 1);
  expect(points[2]).toBeLessThan(low);
});
