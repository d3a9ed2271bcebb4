import { parseConfig, type TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { describe, expect, test } from 'vitest';
import { distinctNames } from '../../study/given.ts';
import { differencesOf } from './differing.ts';

/** As much of a run as its options are read from. */
function runOf(config: TrainConfigInput, others: Partial<Run> = {}): Run {
  const run = { config: parseConfig({ model: 'conv4', ...config }), adaptedFrom: null, changes: [], ...others };
  return run as unknown as Run;
}

const compared = (runs: readonly Run[]) =>
  differencesOf(
    runs,
    runs.map((_, i) => `run ${i}`),
  );

describe('what runs differ in', () => {
  test('the options that differ, and no others; not where they computed', () => {
    const { options, values, variants } = compared([
      runOf({ learningRate: 0.01, optimizer: 'sgd', threads: 1 }),
      runOf({ learningRate: 0.001, optimizer: 'adam', threads: 2 }),
      runOf({ learningRate: 0.001, optimizer: 'sgd', augment: 'none' }),
    ]);
    expect([...options].sort()).toEqual(['augment', 'learningRate', 'optimizer']);
    const at = (key: string) => values.map((row) => row[options.indexOf(key)]);
    expect(at('learningRate')).toEqual(['0.01', '0.001', '0.001']);
    expect(at('optimizer')).toEqual(['sgd', 'adam', 'sgd']);
    expect(variants).toEqual([0, 1, 2].map((i) => ({ name: `run ${i}`, runs: [i] })));
  });

  test('runs that differ in their seed alone are repeats, under the name of what they have', () => {
    const { variants } = compared([
      runOf({ learningRate: 0.01, seed: 0 }),
      runOf({ learningRate: 0.001, seed: 0 }),
      runOf({ learningRate: 0.01, seed: 1 }),
      runOf({ learningRate: 0.001, seed: 1 }),
    ]);
    expect(variants).toEqual([
      { name: 'learningRate 0.01', runs: [0, 2] },
      { name: 'learningRate 0.001', runs: [1, 3] },
    ]);
  });

  test('partial transfer: weights that go with the seed are part of the repeat', () => {
    const ofSeed = (seed: number) => [
      runOf({ transferRatio: 0.5, transferFrozen: 'lower', weights: `phase-one-${seed}`, seed }),
      runOf({ transferRatio: 1, weights: `phase-one-${seed}`, seed }),
      runOf({ strategy: 'scratch', seed }),
    ];
    const { variants } = compared([...ofSeed(0), ...ofSeed(1)]);
    expect(variants).toEqual([
      { name: 'r = 0.5, lower frozen', runs: [0, 3] },
      { name: 'r = 1', runs: [1, 4] },
      { name: 'scratch', runs: [2, 5] },
    ]);
  });

  test('weights that do not go with the seed are a difference', () => {
    const all = [0, 1].flatMap((seed) => ['a', 'b'].map((weights) => runOf({ strategy: 'full', weights, seed })));
    expect(compared(all).variants).toEqual([
      { name: 'a', runs: [0, 2] },
      { name: 'b', runs: [1, 3] },
    ]);
  });

  test('a run that was adapted, or that a program trained, says nothing of its options', () => {
    const changes = [{ epoch: 0, change: 'trained by a program, with fit, and saved with model.save' }];
    const { options, values, variants } = compared([
      runOf({ seed: 0 }),
      runOf({ seed: 1 }),
      runOf({ learningRate: 0.5 }, { adaptedFrom: 'meta' }),
      runOf({ learningRate: 0.7 }, { changes }),
    ]);
    expect(options).toEqual(['seed']);
    expect(values).toEqual([['0'], ['1'], [null], [null]]);
    expect(variants.map(({ runs }) => runs)).toEqual([[0, 1], [2], [3]]);
  });
});

test('names tell runs apart, with as much of their paths as it takes', () => {
  expect(distinctNames(['/runs/a', '/runs/b'])).toEqual(['a', 'b']);
  expect(distinctNames(['/one/x/best', '/two/y/best'])).toEqual(['x/best', 'y/best']);
  expect(distinctNames(['/one/x/best', '/two/x/best', '/two/c'])).toEqual([
    'one/x/best',
    'two/x/best',
    '/two/c'.slice(1),
  ]);
});
