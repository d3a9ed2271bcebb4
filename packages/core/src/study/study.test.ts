import { describe, expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { parameterImportance } from './importance.ts';
import { logDensity } from './parzen.ts';
import { ashaPruner, medianPruner, noPruner } from './pruners.ts';
import { bestTrial, type Direction, type History, type Parameters, type Space, type Trial } from './study.ts';
import { estimators, groupsOf, tpeSampler } from './tpe.ts';

const space: Space = {
  x: { kind: 'float', low: 0, high: 1 },
  head: { kind: 'categorical', choices: ['linear', { hidden: [64] }] },
};

function historyOf(trials: readonly Partial<Trial>[], direction: Direction = 'maximize'): History {
  const whole = trials.map((trial, number): Trial => {
    return { number, state: 'complete', parameters: {}, intermediate: new Map(), value: null, ...trial };
  });
  return { space, direction, trials: whole };
}

const complete = (count: number, parameters: (i: number) => Parameters) =>
  Array.from({ length: count }, (_, i) => ({ parameters: parameters(i), value: i / count }));

describe('the best trial', () => {
  test('is complete, and of equal ones the earliest', () => {
    const trials: Partial<Trial>[] = [
      { value: 0.5 },
      { value: 0.7 },
      { value: 0.7 },
      { value: 0.9, state: 'pruned' },
      { value: Number.NaN },
      { value: null },
    ];
    expect(bestTrial(historyOf(trials))?.number).toBe(1);
    expect(bestTrial(historyOf(trials, 'minimize'))?.number).toBe(0);
  });

  test('is none where none is complete', () => {
    expect(bestTrial(historyOf([{ state: 'running' }, { state: 'failed' }]))).toBeNull();
  });
});

describe('TPE', () => {
  const head = (i: number) => (i % 2 === 0 ? 'linear' : { hidden: [64] });

  test('draws an option by itself that a trial has not, or with a value that the space has no longer', () => {
    const rows = complete(12, (i) => ({ x: i / 12, head: head(i) }));
    expect(groupsOf(historyOf(rows), true)).toEqual([['head', 'x']]);
    expect(groupsOf(historyOf([...rows, { parameters: { x: 0.5 }, value: 1 }]), true)).toEqual([['x'], ['head']]);
    const outside = { parameters: { x: 1.5, head: 'linear' }, value: 1 };
    expect(groupsOf(historyOf([...rows, outside]), true)).toEqual([['head'], ['x']]);
    const { x } = tpeSampler().suggest(historyOf([...rows, outside]), 13)!;
    expect(x).toBeLessThanOrEqual(1);
  });

  test('keeps away from running trials', () => {
    const rows = complete(20, (i) => ({ x: i / 20, head: head(i) }));
    const running = { state: 'running', parameters: { x: 0.94, head: 'linear' } } as const;
    const history = historyOf([...rows, ...Array.from({ length: 5 }, () => running)]);
    const score = (constantLiar: boolean) => {
      const { below, above } = estimators(history, ['x'], 25, constantLiar);
      return logDensity(below, [0.94]) - logDensity(above, [0.94]);
    };
    expect(score(true)).toBeLessThan(score(false) - 1);
  });
});

describe('importance', () => {
  test('is that of the option which decides', () => {
    const rows = complete(60, (i) => ({ x: i / 60, head: i % 3 === 0 ? 'linear' : { hidden: [64] } }));
    const [first, second] = parameterImportance(historyOf(rows));
    expect([first?.name, second?.name]).toEqual(['x', 'head']);
    expect(first!.importance).toBeGreaterThan(0.9);
    expect(first!.importance + second!.importance).toBeCloseTo(1);
  });

  test.each([
    { name: 'no trial', trials: [] },
    { name: 'one', trials: complete(1, () => ({ x: 0.5, head: 'linear' })) },
    { name: 'equal ones', trials: Array.from({ length: 9 }, (_, i) => ({ parameters: { x: i / 9 }, value: 1 })) },
  ])('is not told by $name', ({ trials }) => {
    expect(parameterImportance(historyOf(trials))).toEqual([]);
  });
});

test('without a pruner the worst goes on', () => {
  const trial: Trial = { ...historyOf([{}]).trials[0]!, state: 'running', intermediate: new Map([[1, Number.NaN]]) };
  expect(noPruner().shouldPrune(historyOf(complete(9, () => ({}))), trial)).toBe(false);
});

test('options that cannot be are refused by their names', () => {
  const names = (makes: readonly (() => unknown)[]) =>
    makes.map((make) => {
      try {
        return make();
      } catch (error) {
        return error instanceof OptionError ? error.option : error;
      }
    });
  expect(
    names([
      () => medianPruner({ interval: 0 }),
      () => medianPruner({ warmupSteps: -1 }),
      () => ashaPruner({ reductionFactor: 1 }),
      () => ashaPruner({ minResource: 0.5 }),
      () => tpeSampler({ candidates: 0 }),
      () => tpeSampler({ startupTrials: Number.NaN }),
      () => parameterImportance(historyOf([]), { targetQuantile: 1 }),
    ]),
  ).toEqual([
    'interval',
    'warmupSteps',
    'reductionFactor',
    'minResource',
    'candidates',
    'startupTrials',
    'targetQuantile',
  ]);
});
