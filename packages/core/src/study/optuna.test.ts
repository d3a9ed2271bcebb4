import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parameterImportance } from './importance.ts';
import { type Kernels, logDensity, type ParzenEstimator, samplePoints } from './parzen.ts';
import { type AshaPrunerOptions, ashaPruner, type MedianPrunerOptions, medianPruner } from './pruners.ts';
import { randomSampler } from './samplers.ts';
import { numberOf } from './space.ts';
import type { Direction, History, Parameters, Pruner, Space, Trial, TrialState } from './study.ts';
import { estimators, groupsOf, mostPromising, parametersAt, tpeSampler } from './tpe.ts';

interface Golden {
  readonly space: Space;
  readonly histories: Readonly<
    Record<string, { readonly direction: Direction; readonly trials: readonly GoldenTrial[] }>
  >;
  readonly tpe: readonly TpeCase[];
  readonly importance: Readonly<Record<string, { readonly local: Shares; readonly space: Shares }>>;
  readonly curves: readonly (readonly (number | null)[])[];
  readonly pruners: readonly PrunerCase[];
}

type Shares = Readonly<Record<string, number>>;

interface GoldenTrial {
  readonly state: TrialState;
  readonly parameters: Parameters;
  readonly intermediate: readonly (readonly [step: number, value: number])[];
  readonly value: number | null;
}

interface TpeCase {
  readonly history: string;
  readonly multivariate: boolean;
  readonly constantLiar: boolean;
  readonly number: number;
  readonly groups: readonly {
    readonly names: readonly string[];
    readonly below: GoldenEstimator;
    readonly above: GoldenEstimator;
    readonly points: readonly (readonly number[])[];
    readonly scores: readonly number[];
    readonly suggestion: Parameters;
  }[];
}

interface GoldenEstimator {
  readonly weights: readonly number[];
  readonly kernels: readonly ({ probabilities: number[][] } | { mus: number[]; sigmas: number[] })[];
}

type PrunerCase = { readonly direction: Direction; readonly decisions: string } & (
  | { readonly name: 'median'; readonly options: MedianPrunerOptions }
  | { readonly name: 'asha'; readonly options: AshaPrunerOptions }
);

// golden/study.py
const golden: Golden = JSON.parse(readFileSync(new URL('../../../../golden/study.json', import.meta.url), 'utf8'));

function historyOf(name: string): History {
  const { direction, trials } = golden.histories[name]!;
  const numbered = trials.map((trial, number) => ({ ...trial, number, intermediate: new Map(trial.intermediate) }));
  return { space: golden.space, direction, trials: numbered };
}

/** The numbers that the golden's script draws in a group. */
function draws(): () => number {
  let count = 0;
  return () => (++count * 0.6180339887498949) % 1;
}

/** To one part in 10⁸ of the largest. */
function expectClose(received: readonly number[], expected: readonly number[]): void {
  expect(received).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  for (const [i, value] of received.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-8 * scale);
}

function expectEstimator(received: ParzenEstimator, expected: GoldenEstimator): void {
  expectClose(received.weights, expected.weights);
  expect(received.kernels).toHaveLength(expected.kernels.length);
  for (const [i, kernels] of expected.kernels.entries()) {
    const own: Kernels = received.kernels[i]!;
    if ('probabilities' in kernels) {
      expect(own.kind).toBe('categorical');
      if (own.kind === 'categorical') expectClose(own.probabilities.flat(), kernels.probabilities.flat());
    } else {
      expect(own.kind).toBe('numerical');
      if (own.kind !== 'numerical') continue;
      expectClose(own.mus, kernels.mus);
      expectClose(own.sigmas, kernels.sigmas);
    }
  }
}

describe.each(golden.tpe)(
  'TPE as in Optuna: $history, multivariate $multivariate, constantLiar $constantLiar',
  (each) => {
    const { multivariate, constantLiar, number, groups } = each;
    const history = historyOf(each.history);

    test('options are drawn at random, or in the same groups', () => {
      const suggested = tpeSampler({ seed: 4, multivariate, constantLiar }).suggest(history, number);
      const random = randomSampler({ seed: 4 }).suggest(history, number);
      if (groups.length === 0) expect(suggested).toEqual(random);
      else {
        expect(suggested).not.toEqual(random);
        expect(groupsOf(history, multivariate).toSorted()).toEqual(groups.map(({ names }) => names).toSorted());
      }
    });

    test.each(groups)('the estimators, candidates and suggestion of $names', (group) => {
      const { names } = group;
      const { below, above } = estimators(history, names, number, constantLiar);
      expectEstimator(below, group.below);
      expectEstimator(above, group.above);

      const points = samplePoints(below, group.points.length, draws());
      for (const option of names.keys()) {
        expectClose(
          points.map((point) => point[option]!),
          group.points.map((point) => point[option]!),
        );
      }
      expectClose(
        points.map((point) => logDensity(below, point) - logDensity(above, point)),
        group.scores,
      );

      const suggestion = parametersAt(golden.space, names, mostPromising(points, below, above));
      for (const name of names) {
        const distribution = golden.space[name]!;
        expectClose([numberOf(distribution, suggestion[name])!], [numberOf(distribution, group.suggestion[name])!]);
      }
    });
  },
);

test.each(Object.entries(golden.importance))('importance as in Optuna: %s', (name, { local, space }) => {
  for (const expected of [local, space]) {
    const received = parameterImportance(historyOf(name), { evaluateOnLocal: expected === local });
    expect(received.map((each) => each.name).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const each of received) expect(each.importance).toBeCloseTo(expected[each.name]!, 8);
    expect(received).toEqual(received.toSorted((a, b) => b.importance - a.importance));
  }
});

const pruner = (each: PrunerCase): Pruner =>
  each.name === 'median' ? medianPruner(each.options) : ashaPruner(each.options);

test.each(golden.pruners)('every decision of $name as in Optuna: $options, $direction', (each) => {
  expect(decisions(pruner(each), each.direction)).toBe(each.decisions);
  expect(each.decisions).toContain('x');
});

/** As the golden's script runs them: four trials at a time, each in turn for an epoch. */
function decisions(pruner: Pruner, direction: Direction): string {
  const sign = direction === 'maximize' ? 1 : -1;
  const numberAt = (value: number | null) => (value === null ? Number.NaN : sign * value);
  const trials: Trial[] = [];
  let running: number[] = [];
  let text = '';
  while (trials.length < golden.curves.length || running.length > 0) {
    while (trials.length < golden.curves.length && running.length < 4) {
      running.push(trials.length);
      trials.push({ number: trials.length, state: 'running', parameters: {}, intermediate: new Map(), value: null });
    }
    for (const number of [...running]) {
      const curve = golden.curves[number]!;
      const step = trials[number]!.intermediate.size + 1;
      const value = numberAt(curve[step - 1]!);
      const trial: Trial = {
        ...trials[number]!,
        intermediate: new Map([...trials[number]!.intermediate, [step, value]]),
      };
      trials[number] = trial;
      const isPruned = pruner.shouldPrune({ space: {}, direction, trials }, trial);
      text += isPruned ? 'x' : '.';
      if (!isPruned && step < curve.length) continue;
      const isFailed = !isPruned && (Number.isNaN(value) || number % 7 === 6);
      const state = isPruned ? 'pruned' : isFailed ? 'failed' : 'complete';
      trials[number] = { ...trial, state, value: state === 'complete' ? value : null };
      running = running.filter((other) => other !== number);
    }
  }
  return text;
}
