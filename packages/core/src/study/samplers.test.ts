import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seeded } from '../../../../test/arbitrary.ts';
import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { gridSampler, gridSize, randomSampler } from './samplers.ts';
import { gridValues, isSingle, numberOf } from './space.ts';
import { bestTrial, type Distribution, type History, type Parameters, type Sampler, type Space } from './study.ts';
import { tpeSampler } from './tpe.ts';

/** A history as it grows in order: every trial complete before the next begins. */
function study(sampler: Sampler, space: Space, trials: number, loss: (point: Parameters) => number): History {
  let history: History = { space, direction: 'minimize', trials: [] };
  for (let number = 0; number < trials; number++) {
    const parameters = sampler.suggest(history, number);
    if (!parameters) break;
    const value = loss(parameters);
    const trial = { number, state: 'complete', parameters, intermediate: new Map(), value } as const;
    history = { ...history, trials: [...history.trials, trial] };
  }
  return history;
}

const range = fc.record({ low: fc.integer({ min: -50, max: 50 }), width: fc.integer({ min: 0, max: 60 }) });
const distributions: fc.Arbitrary<Distribution> = fc.oneof(
  range.map(({ low, width }) => ({ kind: 'float', low, high: low + width }) as const),
  range.map(({ low, width }) => ({ kind: 'float', low: low / 10, high: (low + width) / 10, step: 0.3 }) as const),
  fc
    .tuple(fc.integer({ min: -8, max: 2 }), fc.integer({ min: 0, max: 6 }))
    .map(([low, width]) => ({ kind: 'float', low: 10 ** low, high: 10 ** (low + width), log: true }) as const),
  fc
    .tuple(range, fc.integer({ min: 1, max: 9 }))
    .map(([{ low, width }, step]) => ({ kind: 'int', low, high: low + width, step }) as const),
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 500 }))
    .map(([low, width]) => ({ kind: 'int', low, high: low + width, log: true }) as const),
  fc
    .uniqueArray(fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)), { minLength: 1 })
    .map((choices) => ({ kind: 'categorical', choices }) as const),
);
const spaces: fc.Arbitrary<Space> = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), distributions, { maxKeys: 4 });

/** A loss without a meaning, other for every point. */
const anyLoss = (point: Parameters) => randomStream(0, JSON.stringify(point)).uniform();

describe.each([
  { name: 'random', make: (seed: number) => randomSampler({ seed }) },
  { name: 'TPE', make: (seed: number) => tpeSampler({ seed, startupTrials: 4 }) },
  { name: 'univariate TPE', make: (seed: number) => tpeSampler({ seed, startupTrials: 4, multivariate: false }) },
])('$name', ({ make }) => {
  test('suggests points of the space, the same for equal seeds and others for other seeds', () => {
    fc.assert(
      fc.property(spaces, fc.nat(), (space, seed) => {
        const points = (from: number) => study(make(from), space, 12, anyLoss).trials.map((trial) => trial.parameters);
        const suggested = points(seed);
        for (const point of suggested) {
          expect(Object.keys(point)).toEqual(Object.keys(space));
          for (const [name, value] of Object.entries(point)) expect(numberOf(space[name]!, value)).not.toBeUndefined();
        }
        expect(points(seed)).toEqual(suggested);
        const isContinuous = (each: Distribution) => each.kind === 'float' && !each.step && !isSingle(each);
        if (Object.values(space).some(isContinuous)) expect(points(seed + 1)).not.toEqual(suggested);
      }),
      seeded(40),
    );
  });
});

test('random numbers are uniform in their range, its logarithm, its steps and choices', () => {
  const draws = (distribution: Distribution) =>
    Array.from({ length: 4000 }, (_, number) => {
      const history: History = { space: { x: distribution }, direction: 'minimize', trials: [] };
      return randomSampler({ seed: 3 }).suggest(history, number)!.x;
    });
  const share = (values: readonly unknown[], holds: (value: number) => boolean) =>
    values.filter((value) => holds(Number(value))).length / values.length;
  expect(share(draws({ kind: 'float', low: -1, high: 3 }), (x) => x < 0)).toBeCloseTo(0.25, 1);
  expect(share(draws({ kind: 'float', low: 1e-4, high: 1, log: true }), (x) => x < 1e-3)).toBeCloseTo(0.25, 1);
  expect(share(draws({ kind: 'float', low: 0, high: 0.7, step: 0.1 }), (x) => x === 0.7)).toBeCloseTo(1 / 8, 1);
  expect(share(draws({ kind: 'int', low: 1, high: 4 }), (x) => x === 4)).toBeCloseTo(0.25, 1);
  expect(share(draws({ kind: 'int', low: 1, high: 2, log: true }), (x) => x === 1)).toBeCloseTo(
    Math.log(3) / Math.log(5),
    1,
  );
  expect(share(draws({ kind: 'categorical', choices: [7, 8] }), (x) => x === 7)).toBeCloseTo(0.5, 1);
});

test('an option more leaves the random draws of the others', () => {
  const [x, y]: Distribution[] = [
    { kind: 'float', low: 0, high: 1 },
    { kind: 'int', low: 0, high: 99 },
  ];
  const first = (space: Space) => randomSampler().suggest({ space, direction: 'minimize', trials: [] }, 5)!;
  expect(first({ y: y!, x: x! }).x).toBe(first({ x: x! }).x);
});

/** (log₁₀ rate + 2)² + (dropout - 0.3)² · 10, best at 0.01 and 0.3. */
const bowl: Space = {
  rate: { kind: 'float', low: 1e-5, high: 1, log: true },
  dropout: { kind: 'float', low: 0, high: 1 },
};
const bowlLoss = ({ rate, dropout }: Parameters) =>
  (Math.log10(Number(rate)) + 2) ** 2 + 10 * (Number(dropout) - 0.3) ** 2;

test.each([true, false])(
  'TPE comes nearer to the bottom of a bowl than random search (multivariate: %s)',
  (multivariate) => {
    const seeds = Array.from({ length: 10 }, (_, seed) => seed);
    const mean = (make: (seed: number) => Sampler) => {
      const best = seeds.map((seed) => bestTrial(study(make(seed), bowl, 60, bowlLoss))!.value!);
      return best.reduce((sum, loss) => sum + loss, 0) / seeds.length;
    };
    const [tpe, random] = [mean((seed) => tpeSampler({ seed, multivariate })), mean((seed) => randomSampler({ seed }))];
    expect(tpe).toBeLessThan(random / 3);
  },
);

describe('a grid', () => {
  const space: Space = {
    optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
    epochs: { kind: 'int', low: 5, high: 16, step: 5 },
    dropout: { kind: 'float', low: 0, high: 0.3, step: 0.1 },
  };

  test('has every point once, the last option varying fastest', () => {
    const points = study(gridSampler(), space, 1000, () => 0).trials.map(({ parameters }) => parameters);
    expect(points).toHaveLength(2 * 3 * 4);
    expect(gridSize(space)).toBe(24);
    expect(points.slice(0, 5)).toEqual([
      { optimizer: 'sgd', epochs: 5, dropout: 0 },
      { optimizer: 'sgd', epochs: 5, dropout: 0.1 },
      { optimizer: 'sgd', epochs: 5, dropout: 0.2 },
      { optimizer: 'sgd', epochs: 5, dropout: 0.3 },
      { optimizer: 'sgd', epochs: 10, dropout: 0 },
    ]);
    expect(points.at(-1)).toEqual({ optimizer: 'adamw', epochs: 15, dropout: 0.3 });
    expect(new Set(points.map((point) => JSON.stringify(point))).size).toBe(24);
  });

  test('ends with the last step that is no more than the upper bound', () => {
    const last = (low: number, high: number, step: number) =>
      gridValues('x', { kind: 'float', low, high, step }).at(-1);
    expect([last(0, 0.7, 0.1), last(0.05, 0.92, 0.1), last(0, 1 - 0.9, 0.1)]).toEqual([0.7, 0.85, 0]);
  });

  test('of real numbers needs a step or a list', () => {
    const learningRate: Distribution = { kind: 'float', low: 1e-4, high: 1e-2, log: true };
    expect(() => gridSize({ learningRate })).toThrow(
      'learningRate is a range of real numbers, which has no grid. List its values: 0.0001, 0.001, 0.01, for example.',
    );
    expect(() => gridSize({ x: { kind: 'float', low: 0, high: 1 } })).toThrow('Give it a step, or list its values');
  });
});

test.each<{ problem: string; distribution: Distribution }>([
  { problem: 'a range from its lower', distribution: { kind: 'float', low: 2, high: 1 } },
  { problem: 'a range from its lower', distribution: { kind: 'float', low: 0, high: Number.NaN } },
  { problem: 'whole bounds', distribution: { kind: 'int', low: 0.5, high: 2 } },
  { problem: 'above 0 for a logarithmic range', distribution: { kind: 'float', low: 0, high: 1, log: true } },
  { problem: 'from 1 for a logarithmic range', distribution: { kind: 'int', low: 0, high: 8, log: true } },
  { problem: 'a step above 0', distribution: { kind: 'float', low: 0, high: 1, step: 0 } },
  { problem: 'a whole step', distribution: { kind: 'int', low: 0, high: 9, step: 1.5 } },
  { problem: 'either a step or', distribution: { kind: 'float', low: 1, high: 9, step: 1, log: true } },
  { problem: 'none twice', distribution: { kind: 'categorical', choices: [] } },
  { problem: 'none twice', distribution: { kind: 'categorical', choices: ['a', 'a'] } },
])('a space with a wrong range is refused: $problem', ({ problem, distribution }) => {
  const history: History = { space: { option: distribution }, direction: 'minimize', trials: [] };
  for (const sampler of [randomSampler(), gridSampler(), tpeSampler()]) {
    expect(() => sampler.suggest(history, 0)).toThrow(OptionError);
    expect(() => sampler.suggest(history, 0)).toThrow(problem);
  }
});
