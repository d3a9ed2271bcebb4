import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { beforeExplosion, rangeRate, recordCurve, suggestLearningRates, usefulPart } from './learning-rate-curve.ts';

type Reference = Readonly<Record<'raw' | 'smooth', number[]>> &
  Readonly<Record<'useful' | 'valley' | 'steepest' | 'minimum', number>>;
const references: Readonly<Record<string, Reference>> = JSON.parse(
  readFileSync(new URL('../../../../golden/find_lr.json', import.meta.url), 'utf8'),
);

/** The curve of a range test with these losses. */
function curveOf(raw: readonly number[]) {
  const { curve, add } = recordCurve();
  for (const [step, loss] of raw.entries()) if (add(rangeRate(step), loss)) break;
  return curve;
}

describe.each(Object.entries(references))('the %s curve', (_, { raw, smooth, useful, ...expected }) => {
  const curve = curveOf(raw);
  test('is smoothed and ends as it should', () => {
    expect(curve.losses).toHaveLength(smooth.length);
    for (const [i, loss] of curve.losses.entries()) expect(loss).toBeCloseTo(smooth[i]!, 10);
  });
  test('has the valley, the steepest place and the minimum of the reference', () => {
    const part = usefulPart(curve);
    expect(part.rates).toHaveLength(useful);
    const suggestions = suggestLearningRates(part);
    for (const [name, rate] of Object.entries(suggestions)) {
      expect(rate / expected[name as keyof typeof expected], name).toBeCloseTo(1, 9);
    }
  });
});

test('the rates grow by one factor, from 1e-7 up to 10', () => {
  expect(rangeRate(0)).toBe(1e-7);
  expect(rangeRate(100)).toBeCloseTo(10, 12);
  expect(rangeRate(51) / rangeRate(50)).toBeCloseTo(1e8 ** 0.01, 10);
});

test('a loss that is no number ends the test, and is not noted', () => {
  expect(curveOf([1, 1, Number.NaN, 1]).losses).toHaveLength(2);
  expect(curveOf([1, Number.POSITIVE_INFINITY]).losses).toHaveLength(1);
});

test('an image ends before the explosion', () => {
  const rates = [1, 2, 3, 4, 5, 6];
  expect(beforeExplosion({ rates, losses: [4, 5, 1, 3, 6, 9] }).losses).toEqual([4, 5, 1, 3]);
  expect(beforeExplosion({ rates, losses: [4, 5, 3, 2, 1, 3] }).losses).toHaveLength(6);
});

test('losses that only rise suggest the lowest rate, and too few nothing', () => {
  const rates = [10, 20, 40, 80];
  expect(suggestLearningRates({ rates, losses: [1, 2, 3, 4] })).toMatchObject({ valley: 10, minimum: 1 });
  expect(() => suggestLearningRates({ rates: [1, 2], losses: [1, 2] })).toThrow('too few to suggest anything');
});
