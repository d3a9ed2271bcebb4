import { expect, test } from 'vitest';
import { type AxisOptions, layOutAxis, stretched, tickLabels } from './axis.ts';

const options: AxisOptions = { scale: 'linear', span: [0, 400], spacing: 80, round: false, fits: () => true };
const written = (axis: ReturnType<typeof layOutAxis>) => axis.ticks.map(({ at, label }) => [label, Math.round(at)]);

test('a linear axis from the least to the largest value, with round ticks', () => {
  const axis = layOutAxis([8, 0, Number.NaN, 3.5], options);
  expect(written(axis)).toEqual([['0', 0], ['2', 100], ['4', 200], ['6', 300], ['8', 400]]); // biome-ignore format: a row
  expect([0, 1, 8, Number.NaN, Number.POSITIVE_INFINITY].map(axis.place)).toEqual([0, 50, 400, Number.NaN, Number.NaN]);
});

test('from one round number to another, where that is asked for', () => {
  const axis = layOutAxis([0.3, 9.7], { ...options, round: true });
  expect(written(axis)).toEqual([['0', 0], ['2', 80], ['4', 160], ['6', 240], ['8', 320], ['10', 400]]); // biome-ignore format: a row
});

test('whole numbers have no ticks between them', () => {
  expect(written(layOutAxis([1, 2, 3], options))).toEqual([['1', 0], ['2', 200], ['3', 400]]); // biome-ignore format: a row
  expect(written(layOutAxis([1, 2.5, 3], options)).map(([label]) => label)).toEqual([
    '1.0',
    '1.5',
    '2.0',
    '2.5',
    '3.0',
  ]);
});

test('fewer ticks where the labels have no room', () => {
  const sparse = layOutAxis([0, 8], { ...options, fits: (ticks) => ticks.length <= 3 });
  expect(written(sparse)).toEqual([['0', 0], ['5', 250]]); // biome-ignore format: a row
  expect(layOutAxis([0, 8], { ...options, fits: (ticks) => ticks.length === 0 }).ticks).toEqual([]);
});

test('a logarithmic axis: powers of ten, and short steps between them', () => {
  const axis = layOutAxis([1e-4, 0, -1, 1], { ...options, scale: 'log' });
  expect(written(axis)).toEqual([['1e-4', 0], ['1e-3', 100], ['0.01', 200], ['0.1', 300], ['1', 400]]); // biome-ignore format: a row
  expect([1e-3, 0, -1].map(axis.place)).toEqual([expect.closeTo(100, 9), Number.NaN, Number.NaN]);
  expect(axis.minor).toHaveLength(4 * 8);
  expect(axis.minor[0]).toBeCloseTo(100 * Math.log10(2), 9);
});

test.each([
  ['steps of 1, 2 and 5 over few decades', [0.02, 0.5], 600, ['0.02', '0.05', '0.1', '0.2', '0.5']],
  ['equal steps within a decade', [6, 20], 400, ['10', '15', '20']],
  ['every second power where each has no room', [1e-8, 1], 300, ['1e-8', '1e-6', '1e-4', '0.01', '1']],
  ['one value', [0.1], 400, ['0.05', '0.1', '0.2']],
])('a logarithmic axis: %s', (_, values, length, labels) => {
  const fits: AxisOptions['fits'] = (ticks) => ticks.every(({ at }, i) => i === 0 || at - ticks[i - 1]!.at >= 40);
  const { ticks } = layOutAxis(values, { ...options, scale: 'log', span: [0, length], fits });
  expect(ticks.map(({ label }) => label)).toEqual(labels);
});

test.each([
  ['nothing', [], []],
  ['nothing finite', [Number.NaN, Number.NEGATIVE_INFINITY], []],
  ['one number', [3], ['2', '3', '4']],
  ['zero', [0, 0], ['-1', '0', '1']],
  ['neighbouring numbers', [1e16, 1e16 + 2], ['9e15', '9.5e15', '1e16', '1.05e16', '1.1e16']],
  ['denormal numbers', [0, 5e-324], ['-1.0', '-0.5', '0.0', '0.5', '1.0']],
  ['what float64 hardly holds', [-1e280, 1e280], ['-1e280', '-5e279', '0', '5e279', '1e280']],
])('%s', (_, values, labels) => {
  expect(layOutAxis(values, { ...options, spacing: 90 }).ticks.map(({ label }) => label)).toEqual(labels);
});

test.each([
  [[0, 0.5, 1], '0.0 0.5 1.0'],
  [[0.6941, 0.6942], '0.6941 0.6942'],
  [[-0.2, -2.7e-17, 0.2], '-0.2 0.0 0.2'],
  [[100000, 100200], '100000 100200'],
  [[100000, 200000], '1e5 2e5'],
  [[1e7, 1.5e7, 2e7], '1e7 1.5e7 2e7'],
  [[0, 2e-9], '0 2e-9'],
  [[10000, 20000], '10000 20000'],
])('tick labels: %j', (values, labels) => {
  expect(tickLabels(values).join(' ')).toBe(labels);
});

test('an axis along another length keeps its ticks', () => {
  const axis = stretched(layOutAxis([0, 8], options), [0, 400], [100, 300]);
  expect(written(axis)).toEqual([['0', 100], ['2', 150], ['4', 200], ['6', 250], ['8', 300]]); // biome-ignore format: a row
  expect(axis.place(1)).toBe(125);
});
