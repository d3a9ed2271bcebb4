import { OptionError } from '../base/errors.ts';
import { assertOptions } from '../base/options.ts';
import { randomStream } from '../base/random.ts';
import { logDensity, type ParzenEstimator, parzenEstimator, samplePoints } from './parzen.ts';
import { randomParameters } from './samplers.ts';
import { assertSpace, isSingle, numberOf, valueAt } from './space.ts';
import {
  bestFirst,
  type Direction,
  type History,
  type Parameters,
  type Sampler,
  type Space,
  type Trial,
} from './study.ts';

export interface TpeSamplerOptions {
  /** Default: 0. */
  readonly seed?: number;
  /** Trials, complete or pruned, before which options are drawn at random. Default: 10, as in Optuna. */
  readonly startupTrials?: number;
  /** Points that are drawn from the good trials' density, of which the best is suggested. Default: 24, as in Optuna. */
  readonly candidates?: number;
  /**
   * Whether the options are drawn together from one joint density, which sees that a learning rate is good with one
   * batch size only, or each by itself. Default: true, as in Optuna since 5.0.
   */
  readonly multivariate?: boolean;
  /**
   * Whether running trials count among the bad ones, so that trials of the same time differ. Default: true, as in
   * Optuna since 5.0.
   */
  readonly constantLiar?: boolean;
}

/**
 * The tree-structured Parzen estimator (Bergstra et al. 2011), with the defaults of Optuna 5.0: trials are split into
 * the best tenth (25 at most) and the rest, a density is estimated of either, l(x) and g(x), and of the candidates
 * drawn from l the one with the largest l(x) / g(x) is suggested.
 *
 * Pruned trials are worse than complete ones; among them the one that came further is better. Failed trials say
 * nothing. An option that is missing in some trial, or had a value there that the space has no longer, is drawn by
 * itself, from the trials that have it.
 */
export function tpeSampler(options: TpeSamplerOptions = {}): Sampler {
  assertOptions('tpeSampler', options, {
    seed: 'number',
    startupTrials: 'number',
    candidates: 'number',
    multivariate: 'boolean',
    constantLiar: 'boolean',
  });
  const { seed = 0, startupTrials = 10, candidates = 24, multivariate = true, constantLiar = true } = options;
  if (!Number.isSafeInteger(candidates) || candidates < 1) {
    throw new OptionError({ option: 'candidates', expected: 'a whole number from 1', received: candidates });
  }
  return {
    suggest(history, number) {
      assertSpace(history.space);
      const random = randomParameters(history.space, seed, number);
      if (finishedTrials(history).length < startupTrials) return random;
      const suggested = groupsOf(history, multivariate).map((names) => {
        const { below, above } = estimators(history, names, number, constantLiar);
        const stream = randomStream(seed, 'study', 'tpe', number, ...names);
        const points = samplePoints(below, candidates, () => stream.uniform());
        return parametersAt(history.space, names, mostPromising(points, below, above));
      });
      return Object.assign({ ...random }, ...suggested);
    },
  };
}

/**
 * The options that are drawn together, in the order of their names: how a study file orders them does not matter. One
 * with a single value needs no drawing.
 */
export function groupsOf(history: History, multivariate: boolean): readonly (readonly string[])[] {
  const names = Object.keys(history.space)
    .filter((name) => !isSingle(history.space[name]!))
    .sort();
  if (!multivariate) return names.map((name) => [name]);
  const finished = finishedTrials(history);
  const isShared = (name: string) => finished.every((trial) => rowOf(history.space, [name], trial) !== null);
  const shared = names.filter(isShared);
  const others = names.filter((name) => !shared.includes(name)).map((name) => [name]);
  return shared.length > 0 ? [shared, ...others] : others;
}

/** The densities of the good and of the other trials, for the options `names`. */
export function estimators(
  history: History,
  names: readonly string[],
  number: number,
  constantLiar: boolean,
): { below: ParzenEstimator; above: ParzenEstimator } {
  const { space, direction } = history;
  const finished = finishedTrials(history).filter((trial) => trial.number !== number);
  const count = Math.min(Math.ceil(0.1 * finished.length), 25);
  const ordered = bestToWorst(finished, direction);
  const running = constantLiar
    ? history.trials.filter((trial) => trial.state === 'running' && trial.number !== number)
    : [];
  const estimate = (trials: readonly Trial[]) => {
    // By their age, which the weights go by.
    const rows = trials.toSorted((a, b) => a.number - b.number).map((trial) => rowOf(space, names, trial));
    const distributions = names.map((name) => space[name]!);
    return parzenEstimator(
      distributions,
      rows.filter((row) => row !== null),
    );
  };
  return { below: estimate(ordered.slice(0, count)), above: estimate([...ordered.slice(count), ...running]) };
}

function finishedTrials({ trials }: History): readonly Trial[] {
  return trials.filter(
    ({ state, value }) => state === 'pruned' || (state === 'complete' && value !== null && !Number.isNaN(value)),
  );
}

/** Complete trials by their value, then pruned ones by their last step and the value there. */
function bestToWorst(finished: readonly Trial[], direction: Direction): readonly Trial[] {
  const complete = bestFirst(finished, direction);
  const pruned = finished
    .filter(({ state }) => state === 'pruned')
    .map((trial) => ({ trial, ...prunedScore(trial, direction) }))
    .sort((a, b) => b.step - a.step || compare(a.loss, b.loss));
  return [...complete, ...pruned.map(({ trial }) => trial)];
}

/** The last step, and a number that is lower for a better value there. */
function prunedScore({ intermediate }: Trial, direction: Direction): { step: number; loss: number } {
  if (intermediate.size === 0) return { step: -1, loss: 0 };
  const step = Math.max(...intermediate.keys());
  const value = intermediate.get(step)!;
  if (Number.isNaN(value)) return { step, loss: Number.POSITIVE_INFINITY };
  return { step, loss: direction === 'minimize' ? value : -value };
}

/** Infinities of one sign are equal: their difference is NaN. */
const compare = (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0);

/** The numbers of some options of a trial; null where one is missing or outside the space. */
function rowOf(space: Space, names: readonly string[], trial: Trial): readonly number[] | null {
  const row = names.map((name) =>
    Object.hasOwn(trial.parameters, name) ? numberOf(space[name]!, trial.parameters[name]) : undefined,
  );
  return row.every((value) => value !== undefined) ? row : null;
}

/** The point with the largest log l(x) - log g(x), of equal ones the first. */
export function mostPromising(
  points: readonly (readonly number[])[],
  below: ParzenEstimator,
  above: ParzenEstimator,
): readonly number[] {
  const scores = points.map((point) => logDensity(below, point) - logDensity(above, point));
  return points[scores.indexOf(Math.max(...scores))] ?? points[0]!;
}

export function parametersAt(space: Space, names: readonly string[], point: readonly number[]): Parameters {
  return Object.fromEntries(names.map((name, i) => [name, valueAt(space[name]!, point[i]!)]));
}
