import { describe, expect, test } from 'vitest';
import { beta, randomStream } from './random.ts';

const words = (seed: number, ...path: (string | number)[]) => {
  const stream = randomStream(seed, ...path);
  return Array.from({ length: 4 }, () => stream.uniform() * 2 ** 32);
};

// The numbers are from a second implementation, in Python.
describe('the streams are these, for ever: a change of them would change every seeded run', () => {
  test.each([
    [0, [], [1022884528, 1312936030, 80883197, 1947560433]],
    [1, [], [209448738, 862271868, 206328698, 875677862]],
    [0, ['augment', 3, 17], [2853960632, 2128896400, 1103584677, 589399521]],
    [0, ['initialise', 'layer4.0.conv1.weight'], [4047232782, 2115243950, 3112709130, 2110389465]],
  ] as const)('words of seed %i, path %j', (seed, path, expected) => {
    expect(words(seed, ...path)).toEqual(expected);
  });

  test('filled, they are those that uniform numbers are made of, in whatever portions', () => {
    const [one, many] = [randomStream(3, 'filled'), randomStream(3, 'filled')];
    for (const size of [5, 1, 0, 1000]) {
      const filled = new Int32Array(size);
      many.fill(filled);
      expect([...new Uint32Array(filled.buffer)]).toEqual(Array.from(filled, () => one.uniform() * 2 ** 32));
    }
    expect(many.uniform()).toBe(one.uniform());
  });

  test('what is made of the words', () => {
    const stream = randomStream(42, 'pinned');
    expect([stream.integer(10), stream.integer(2 ** 32)]).toEqual([9, 2643643622]);
    expect(stream.normal()).toBeCloseTo(-0.26749227137528175, 12);
    expect(stream.shuffle(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toEqual(['b', 'e', 'g', 'd', 'f', 'c', 'a']);
  });
});

test('a path is its parts, not their concatenation, and no part is the seed', () => {
  const paths: [number, ...(string | number)[]][] = [
    [0],
    [1],
    [0, 0],
    [0, 1, 23],
    [0, 12, 3],
    [0, '12', 3],
    [0, 123],
    [0, 'a', 'b'],
    [0, 'ab'],
    [0, 'a,b'],
    [-1],
    [0.5],
  ];
  expect(new Set(paths.map((path) => words(...path).join())).size).toBe(paths.length);
  expect(words(7, 'a', 1)).toEqual(words(7, 'a', 1));
});

const draws = 40_000;

/** 40,000 numbers as a run draws them: from one long stream, or the first of each of many streams. */
const sources = {
  'one stream': () => {
    const stream = randomStream(5, 'long');
    return () => stream;
  },
  'the first of each of many streams': () => (i: number) => randomStream(5, 'image', i),
} as const;

describe.each(Object.entries(sources))('%s', (_name, source) => {
  test('uniform: mean 1/2, variance 1/12, equal shares of 64 bins, no step predicts the next', () => {
    const streamAt = source();
    const values = Array.from({ length: draws }, (_, i) => streamAt(i).uniform());
    const mean = values.reduce((sum, x) => sum + x, 0) / draws;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws;
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 12 / draws)); // 4 standard errors
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / draws));
    const bins = new Array<number>(64).fill(0);
    for (const x of values) bins[Math.floor(x * 64)]!++;
    const chiSquare = bins.reduce((sum, count) => sum + (count - draws / 64) ** 2 / (draws / 64), 0);
    expect(chiSquare).toBeGreaterThan(30); // 63 degrees of freedom: 63 ± 11
    expect(chiSquare).toBeLessThan(110);
    const lagged = values.slice(1).reduce((sum, x, i) => sum + (x - mean) * (values[i]! - mean), 0) / draws / variance;
    expect(Math.abs(lagged)).toBeLessThan(4 / Math.sqrt(draws));
  });

  test('normal: mean 0, variance 1, kurtosis 3', () => {
    const streamAt = source();
    const values = Array.from({ length: draws }, (_, i) => streamAt(i).normal());
    const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / draws;
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(draws));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / draws));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / draws));
  });
});

test('integer covers [0, bound) evenly and nothing else', () => {
  const stream = randomStream(0, 'integers');
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]!++;
  expect(counts.length).toBe(7);
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400); // 4 standard deviations of 93
});

test('shuffle leaves its argument alone, and each item comes to each place equally often', () => {
  const items = Object.freeze([0, 1, 2, 3, 4]);
  const stream = randomStream(0, 'shuffles');
  const counts = items.map(() => items.map(() => 0));
  for (let i = 0; i < 20_000; i++) {
    const shuffled = stream.shuffle(items);
    shuffled.forEach((item, place) => {
      counts[item]![place]!++;
    });
  }
  for (const count of counts.flat()) expect(Math.abs(count - 4000)).toBeLessThan(240); // 4 standard deviations of 57
  expect(stream.shuffle([])).toEqual([]);
});

// Mean a / (a + b), variance ab / (a + b)² (a + b + 1); for a = b the third central moment is 0.
test.each([
  [0.001, 0.001],
  [0.2, 0.2],
  [1, 1],
  [4, 4],
  [0.5, 3],
  [30, 10],
])('beta(%d, %d): mean, variance, and always in [0, 1]', (a, b) => {
  const stream = randomStream(0, 'beta', a, b);
  const values = Array.from({ length: draws }, () => beta(stream, a, b));
  const mean = a / (a + b);
  const variance = (a * b) / ((a + b) ** 2 * (a + b + 1));
  const average = values.reduce((sum, x) => sum + x, 0) / draws;
  const spread = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws;
  expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
  expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(variance / draws));
  // The fourth central moment is below the variance's half, since all lies within 1.
  expect(Math.abs(spread - variance)).toBeLessThan(4 * Math.sqrt(variance / 2 / draws));
});

test('beta(1, 1) is even, beta(0.5, 0.5) the arcsine distribution', () => {
  const below = (a: number, x: number) => {
    const stream = randomStream(0, 'cumulative', a);
    return Array.from({ length: draws }, () => beta(stream, a, a)).filter((value) => value < x).length / draws;
  };
  for (const x of [0.1, 0.35, 0.8]) {
    expect(Math.abs(below(1, x) - x)).toBeLessThan(2 / Math.sqrt(draws));
    expect(Math.abs(below(0.5, x) - (2 / Math.PI) * Math.asin(Math.sqrt(x)))).toBeLessThan(2 / Math.sqrt(draws));
  }
});
