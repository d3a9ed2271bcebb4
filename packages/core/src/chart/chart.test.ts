import { describe, expect, test } from 'vitest';
import { formatNumber, type LineChart, lineChartSvg, lineChartText } from './index.ts';

const chart: LineChart = {
  title: 'Loss',
  x: { label: 'learning rate', scale: 'log' },
  y: { label: 'loss' },
  series: [
    {
      name: 'loss',
      points: [
        [0.001, 4],
        [0.01, 2],
        [0.1, 0],
        [1, 2],
      ],
    },
  ],
  marks: [{ at: 0.00125, label: 'valley' }],
};

describe('in characters', () => {
  test('a curve with its axes', () => {
    expect(lineChartText(chart, { width: 19, height: 4 }).split('\n')).toEqual([
      '          Loss',
      '        4┼─╮',
      '        3┤ ╰──╮',
      '        2┤    ╰──╮        ╭─',
      '        1┤       ╰──╮  ╭──╯',
      '        0┤          ╰──╯',
      '          1e-3    0.0316    1',
      '          learning rate',
    ]);
  });
  test.each([
    ['nothing', [], 'Loss: no points'],
    ['what is nowhere', [[1, Number.NaN] as const], 'Loss: no points'],
    ['one point', [[1, 3] as const], '        3┼'],
    ['a level', [[1, 3] as const, [2, 3] as const], '        3┼─'],
    ['neighbouring numbers', [[1, 1e16] as const, [2, 1e16 + 2] as const], '     1e16'],
    ['what is nowhere in between', [[1, 3] as const, [2, Number.POSITIVE_INFINITY] as const], '        3┼'],
  ])('%s', (_, points, expected) => {
    const text = lineChartText({ ...chart, series: [{ name: 'loss', points }] }, { width: 8, height: 4 });
    expect(text).toContain(expected);
    expect(text.split('\n').length).toBeLessThanOrEqual(8);
  });
});

test('as SVG: a document with its title, axes, curve and marks, and the same each time', async () => {
  const svg = await lineChartSvg(chart, { width: 300, height: 200 });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="300" height="200"/);
  for (const text of ['Loss', 'learning rate', 'valley', '0.01']) expect(svg).toContain(`>${text}</text>`);
  expect(svg).not.toMatch(/<script|NaN/);
  expect(await lineChartSvg(chart, { width: 300, height: 200 })).toBe(svg);
  expect(await lineChartSvg(chart)).toContain(' width="720" height="440"');
});

test.each([
  [0, '0'],
  [0.25, '0.25'],
  [100, '100'],
  [1e-7, '1e-7'],
  [0.00031, '3.1e-4'],
  [123456, '1.2e5'],
  [-2.5, '-2.5'],
  [1e5, '1e5'],
  [12345, '12345'],
])('%d is written %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
