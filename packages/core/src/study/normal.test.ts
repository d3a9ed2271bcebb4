import { expect, test } from 'vitest';
import { logNormalCdf, logNormalMass, truncatedQuantile } from './normal.ts';

const closeTo = (expected: number) => ({
  asymmetricMatch: (value: number) => Math.abs(value - expected) <= 1e-11 * Math.abs(expected),
  toString: () => `close to ${expected}`,
});

// scipy.special.log_ndtr
test.each([
  [-40, -804.6084420137539],
  [-10, -53.23128515051248],
  [-3.0001, -6.608054536023053],
  [-2.9999, -6.607397916292054],
  [-1, -1.8410216450092634],
  [-0.01, -0.7011578934443701],
  [0, -Math.LN2],
  [0.5, -0.36894641528865635],
  [2, -0.023012909328963476],
  [6, -9.86587645524372e-10],
  [9, -1.1285884059538324e-19],
])('log Φ(%d)', (x, expected) => {
  expect(logNormalCdf(x)).toEqual(closeTo(expected));
});

test('the mass of an interval is symmetric, and that of parts sums to that of the whole', () => {
  const mass = (a: number, b: number) => Math.exp(logNormalMass(a, b));
  expect(logNormalMass(7, 8)).toBe(logNormalMass(-8, -7));
  expect(mass(-2, -0.5) + mass(-0.5, 0.1) + mass(0.1, 3)).toEqual(closeTo(mass(-2, 3)));
  expect(mass(1, 1)).toBe(0);
});

// scipy.stats.truncnorm.ppf
test.each([
  { q: 0.3, mu: 0.2, sigma: 0.1, low: 0, high: 1, expected: 0.15208756735979084 },
  { q: 0.999, mu: 0, sigma: 1, low: -1, high: 4, expected: 3.130352150475834 },
  { q: 0.5, mu: 0, sigma: 0.01, low: 0.2, high: 0.9, expected: 0.2003454167651402 },
  { q: 0.25, mu: 1, sigma: 0.05, low: 0.1, high: 0.4, expected: 0.39428988554354727 },
  { q: 0, mu: 0, sigma: 1, low: -1, high: 4, expected: -1 },
])('the $q-quantile of N($mu, $sigma²) in [$low, $high]', ({ q, mu, sigma, low, high, expected }) => {
  expect(truncatedQuantile(q, mu, sigma, low, high)).toEqual(closeTo(expected));
});
