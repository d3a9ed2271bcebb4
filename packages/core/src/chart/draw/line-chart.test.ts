import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LineChart } from '../line-chart.ts';
import { drawLineChart, drawLineCharts } from './line-chart.ts';

const chart: LineChart = {
  title: 'Loss',
  x: { label: 'epoch' },
  y: { label: 'cross entropy' },
  series: [{ name: 'loss', points: [[0, 4], [1, 2], [2, 0], [4, 2]] }], // biome-ignore format: points
};

const curves = (svg: string) =>
  [...svg.matchAll(/<g class="s\d" [^>]*><title>[^<]*<\/title>(?:<path d="([^"]*)" fill="none")?/g)].map(([, d]) => d);
const symbols = (svg: string) => [...svg.matchAll(/<path d="[^"]*" transform="translate\(([\d.]+) ([\d.]+)\)"/g)];

/** Where the labels of an axis stand: under it for `middle`, beside it for `end`. */
function ticks(svg: string, anchor: 'middle' | 'end', along: 'x' | 'y'): Record<string, number> {
  const [, group = ''] = /font-size="11">(.*?)<\/g>/.exec(svg) ?? [];
  const labels = group.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*text-anchor="(\w+)">([^<]*)</g);
  return Object.fromEntries(
    [...labels].filter(([, , , a]) => a === anchor).map(([, x, y, , label]) => [label, Number(along === 'x' ? x : y)]),
  );
}

test('points stand where their ticks are', () => {
  const svg = drawLineChart(chart, 720, 440);
  const [x, y] = [ticks(svg, 'middle', 'x'), ticks(svg, 'end', 'y')];
  expect(Object.keys(x)).toEqual(['0', '1', '2', '3', '4']);
  expect(Object.keys(y)).toEqual(['0', '1', '2', '3', '4']);
  expect(x).toEqual({ 0: 53.04, 1: 213.28, 2: 373.52, 3: 533.76, 4: 694 });
  expect(y).toEqual({ 0: 382, 1: 299, 2: 216, 3: 133, 4: 50 });
  expect(curves(svg)).toEqual([`M${x[0]},${y[4]}L${x[1]},${y[2]}L${x[2]},${y[0]}L${x[4]},${y[2]}`]);
  expect(symbols(svg).map(([, at]) => Number(at))).toEqual([x[0], x[1], x[2], x[4]]);
});

test('logarithmic axes: equal ratios are equal distances, and what is not positive has no place', () => {
  const points = [[0.001, 1], [0.01, 10], [0, 5], [0.1, -1], [0.1, 100], [1, 1000]] as const; // biome-ignore format: points
  const svg = drawLineChart(
    { ...chart, x: { label: 'x', scale: 'log' }, y: { label: 'y', scale: 'log' }, series: [{ name: 'a', points }] },
    720,
    440,
  );
  const [x, y] = [ticks(svg, 'middle', 'x'), ticks(svg, 'end', 'y')];
  expect(x[1]! - x[0.1]!).toBeCloseTo(x[0.01]! - x['1e-3']!, 1);
  expect(y[10]! - y[100]!).toBeCloseTo(y[1]! - y[10]!, 1);
  expect(curves(svg)).toEqual([`M${x['1e-3']},${y[1]}L${x[0.01]},${y[10]}M${x[0.1]},${y[100]}L${x[1]},${y[1000]}`]);
});

test('what is not finite is a gap, and a point between gaps a symbol', () => {
  const values = Array.from({ length: 100 }, (_, i) =>
    i === 2 || i === 4 ? [Number.NaN, Number.POSITIVE_INFINITY][i / 2 - 1]! : i,
  );
  const svg = drawLineChart(
    { ...chart, series: [{ name: 'a', points: values.map((value, i) => [i, value] as const) }] },
    720,
    440,
  );
  expect(curves(svg)[0]!.match(/M/g)).toHaveLength(3);
  expect(symbols(svg)).toHaveLength(1);
  expect(symbols(svg)[0]![1]).toBe(/M[^M]*M([\d.]+),[^M]*M/.exec(curves(svg)[0]!)![1]);
});

test('without points it says so, whatever marks there are', () => {
  for (const marks of [[], [{ at: 3, label: 'here' }]]) {
    const svg = drawLineChart({ ...chart, series: [{ name: 'a', points: [[1, Number.NaN]] }], marks }, 720, 440);
    expect(svg).toContain('>no points</text>');
    expect(curves(svg)).toEqual([undefined]);
  }
  expect(drawLineChart(chart, 720, 440)).not.toContain('no points');
});

test('marks are lines at their place, within the axis that is made longer for them, below their labels', () => {
  const svg = drawLineChart({ ...chart, marks: [{ at: 1, label: 'best' }, { at: 5, label: 'late' }] }, 720, 440); // biome-ignore format: two
  const x = ticks(svg, 'middle', 'x');
  const lines = [...svg.matchAll(/d="M([\d.]+) ([\d.]+)V([\d.]+)"[^>]*stroke-dasharray/g)];
  expect(lines.map(([, at]) => Number(at))).toEqual([x[1], x[5]]);
  expect(lines.map(([, , , bottom]) => Number(bottom))).toEqual([382, 382]);
  const top = Math.min(...Object.values(ticks(svg, 'end', 'y')));
  for (const [, label] of svg.matchAll(/y="([\d.]+)"[^>]*>(?:best|late)</g))
    expect(Number(label)).toBeLessThan(top - 5);
});

test.each([
  [360, 440],
  [720, 440],
  [1000, 300],
])('at %d x %d, a legend of many long names ends above the plot', (width, height) => {
  const names = Array.from({ length: 12 }, (_, i) => `run ${i}: MAML, ResNet-12, five inner steps, learning rate 0.01`);
  const series = names.map((name, i) => ({ name, points: [[0, i], [1, 9 - i]] as const })); // biome-ignore format: points
  const svg = drawLineChart({ ...chart, series }, width, height);
  const [, top] = /<g transform="translate\(16 (\d+)\)"><g font-size/.exec(svg)!;
  const rows = [...svg.matchAll(/<g transform="translate\([\d.]+ ([\d.]+)\)">/g)].map(
    ([, y]) => Number(top) + Number(y),
  );
  // The first is the legend itself.
  expect(rows.shift()).toBe(2 * Number(top));
  expect(rows).toHaveLength(12);
  const plot = Math.min(...Object.values(ticks(svg, 'end', 'y')));
  expect(Math.max(...rows) + 9).toBeLessThan(plot);
  expect(plot).toBeLessThan(height * 0.65);
});

test('a single series has no legend', () => {
  expect(drawLineChart(chart, 720, 440).match(/>loss</g)).toHaveLength(1);
  const two = { ...chart, series: [...chart.series, { ...chart.series[0]!, name: 'other' }] };
  expect(drawLineChart(two, 720, 440).match(/>loss</g)).toHaveLength(2);
});

test('curves that end together have their names at their ends, apart from one another and inside the drawing', () => {
  const series = ['one', 'two', 'three'].map((name, i) => ({ name, points: [[0, i], [4, 2 + i / 50]] as const })); // biome-ignore format: points
  const svg = drawLineChart({ ...chart, series }, 720, 440);
  const names = [...svg.matchAll(/<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>(one|two|three)<\/text>/g)];
  const end = ticks(svg, 'middle', 'x')[4]!;
  expect(names).toHaveLength(3);
  for (const [, x] of names) expect(Number(x)).toBeGreaterThan(end + 10);
  const heights = names.map(([, , y]) => Number(y));
  // The largest ends highest.
  expect(heights[0]! - heights[1]!).toBeGreaterThanOrEqual(15);
  expect(heights[1]! - heights[2]!).toBeGreaterThanOrEqual(15);
  const early = [{ name: 'one', points: [[0, 1], [2, 2]] as const }, ...series.slice(1)]; // biome-ignore format: points
  expect(drawLineChart({ ...chart, series: early }, 720, 440)).toContain(
    '<g transform="translate(16 40)"><g font-size',
  );
});

test('a band is an area behind the curves, and belongs to the axis', () => {
  const band = [[0, 2, 6], [4, 0, 2]] as const; // biome-ignore format: points
  const svg = drawLineChart({ ...chart, series: [{ ...chart.series[0]!, band }] }, 720, 440);
  const y = ticks(svg, 'end', 'y');
  const x = ticks(svg, 'middle', 'x');
  const [, area] = /d="([^"]*)" fill="currentColor" fill-opacity/.exec(svg)!;
  expect(area).toBe(`M${x[0]},${y[6]}L${x[4]},${y[2]}L${x[4]},${y[0]}L${x[0]},${y[2]}Z`);
  expect(svg.indexOf('fill-opacity')).toBeLessThan(svg.indexOf('<title>loss</title>'));
});

test('shares are written in percent, on either kind of axis', () => {
  const points = [[0.001, 0.2], [0.1, 0.85]] as const; // biome-ignore format: points
  const axes = { x: { label: 'x', scale: 'log', format: 'percent' }, y: { label: 'y', format: 'percent' } } as const;
  const svg = drawLineChart({ ...chart, ...axes, series: [{ name: 'a', points }] }, 720, 440);
  expect(Object.keys(ticks(svg, 'middle', 'x'))).toEqual(expect.arrayContaining(['0.1 %', '1 %', '10 %']));
  expect(Object.keys(ticks(svg, 'end', 'y'))).toEqual([20, 30, 40, 50, 60, 70, 80, 90].map((value) => `${value} %`));
});

test('a note stands below the axis, and charts below each other', () => {
  const svg = drawLineCharts(
    [
      { ...chart, note: 'mean of 3 seeds' },
      { ...chart, title: 'Second' },
    ],
    500,
    300,
  );
  expect(svg).toMatch(/width="500" height="600"/);
  expect(svg).toMatch(/y="287"[^>]*>mean of 3 seeds</);
  expect(svg).toMatch(/<g transform="translate\(0 300\)">.*>Second</);
});

test('series of one colour differ by their dashes', () => {
  const series = Array.from({ length: 17 }, (_, i) => ({ name: `${i}`, points: [[0, i], [1, i]] as const })); // biome-ignore format: points
  const svg = drawLineChart({ ...chart, series }, 720, 440);
  const drawn = [...svg.matchAll(/<g class="(s\d)"[^>]*><title>[^<]*<\/title><path d="[^"]*"([^>]*)>/g)];
  expect(drawn).toHaveLength(17);
  expect(new Set(drawn.map(([, color, stroke]) => color! + stroke!)).size).toBe(17);
});

/** Every tag is closed in its order, and what is between them is no markup. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  const rest = svg.replace(/<(\/?)(\w+)((?: [\w-]+="[^"<>]*")*)(\/?)>/g, (_, close, name, _attributes, empty) => {
    if (close !== '') return open.pop() === name ? '' : '<';
    if (empty === '') open.push(name);
    return '';
  });
  return open.length === 0 && !/[<>]|&(?!(?:amp|lt|gt|quot);)/.test(rest);
}

const anyNumber = fc.oneof(
  fc.double(),
  fc.integer({ min: -1000, max: 1000 }),
  fc.constantFrom(0, 1e-9, 5e-324, Number.MAX_VALUE, Number.NaN, Number.NEGATIVE_INFINITY),
);
const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const anyScale = fc.constantFrom('linear' as const, 'log' as const, undefined);
const anyAxis = fc
  .record({ label: anyText, scale: anyScale })
  .map(({ label, scale }) => (scale === undefined ? { label } : { label, scale }));

test('any numbers and names at any size: well-formed, no number that is none, ticks apart from one another', () => {
  const anyChart = fc.record({
    title: anyText,
    x: anyAxis,
    y: anyAxis,
    series: fc.array(
      fc.record({
        name: anyText,
        points: fc.array(fc.tuple(anyNumber, anyNumber), { maxLength: 30 }),
        band: fc.array(fc.tuple(anyNumber, anyNumber, anyNumber), { maxLength: 9 }),
      }),
      { maxLength: 20 },
    ),
    marks: fc.array(fc.record({ at: anyNumber, label: anyText }), { maxLength: 5 }),
    note: anyText,
  });
  fc.assert(
    fc.property(
      anyChart,
      fc.integer({ min: 1, max: 1200 }),
      fc.integer({ min: 1, max: 800 }),
      (drawn, width, height) => {
        const svg = drawLineChart(drawn, width, height);
        expect(isWellFormed(svg)).toBe(true);
        for (const [, value] of svg.matchAll(/ (?:d|x|y|transform|width|height)="([^"]*)"/g)) {
          expect(value).not.toMatch(/NaN|Infinity|undefined|null|e[+-]?\d/);
        }
        // A line of text is 18 pixels high; the narrowest label is one digit, which keeps 10 from the next.
        for (const [anchor, along, least] of [
          ['middle', 'x', 16],
          ['end', 'y', 17.9],
        ] as const) {
          const places = Object.values(ticks(svg, anchor, along)).sort((a, b) => a - b);
          for (const [i, at] of places.slice(1).entries()) expect(at - places[i]!).toBeGreaterThan(least);
        }
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});
