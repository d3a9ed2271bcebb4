import { OptionError } from '../base/errors.ts';
import { assertOptions } from '../base/options.ts';
import {
  categoricalKernels,
  logDensity,
  type NumericalKernels,
  type ParzenEstimator,
  truncatedKernels,
} from './parzen.ts';
import { assertSpace, highestOf, isSingle, type Numerical, numberOf, stepOf } from './space.ts';
import { bestFirst, type Distribution, type History, type Trial } from './study.ts';

export interface ImportanceOptions {
  /** The part of the trials that counts as good. Default: 0.1. */
  readonly targetQuantile?: number;
  /**
   * Whether the best trials are compared with all trials, or with the whole space. A sampler that has settled on a choice
   * early tried hardly any other, so that against its own trials the choice counts little. Default: true, as in Optuna.
   */
  readonly evaluateOnLocal?: boolean;
}

export interface ParameterImportance {
  readonly name: string;
  /** Its share: those of all options sum to 1. */
  readonly importance: number;
}

/**
 * How much each option had to do with getting into the best tenth of the complete trials, the most important first:
 * PED-ANOVA (Watanabe et al. 2023; with options that not every trial has, as in its conditional form of 2026), with the
 * defaults of Optuna 5.0's `get_param_importances`. Densities of an option are estimated over the best trials and over
 * all of them; their Pearson divergence is its importance.
 *
 * Empty where the trials do not tell: with fewer than two complete ones, or where all are equally good. Below some 50
 * trials it is a hint.
 */
export function parameterImportance(history: History, options: ImportanceOptions = {}): readonly ParameterImportance[] {
  assertOptions('parameterImportance', options, { targetQuantile: 'number', evaluateOnLocal: 'boolean' });
  const { targetQuantile = 0.1, evaluateOnLocal = true } = options;
  if (!(targetQuantile > 0 && targetQuantile < 1)) {
    const expected = 'a number above 0 and below 1';
    throw new OptionError({ option: 'targetQuantile', expected, received: targetQuantile });
  }
  assertSpace(history.space);
  const all = bestFirst(history.trials, history.direction).filter(({ value }) => Number.isFinite(value));
  const cutoff = all[Math.ceil(targetQuantile * all.length) - 1]?.value;
  const target = all.filter(({ value }) => isAtLeast(value!, cutoff!, history.direction));
  if (target.length === all.length) return [];
  const raw = Object.entries(history.space).map(([name, distribution]) => ({
    name,
    importance: divergence(name, distribution, { target, all, evaluateOnLocal }),
  }));
  const sum = raw.reduce((total, { importance }) => total + importance, 0);
  if (sum === 0) return [];
  return raw
    .map(({ name, importance }) => ({ name, importance: importance / sum }))
    .sort((a, b) => b.importance - a.importance);
}

const isAtLeast = (value: number, cutoff: number, direction: History['direction']) =>
  direction === 'maximize' ? value >= cutoff : value <= cutoff;

/** Σ p_all · (p_target / p_all - 1)² over a grid, weighted by how many of either have the option at all. */
function divergence(
  name: string,
  distribution: Distribution,
  compared: { readonly target: readonly Trial[]; readonly all: readonly Trial[]; readonly evaluateOnLocal: boolean },
): number {
  const { target, all, evaluateOnLocal } = compared;
  const valuesIn = (trials: readonly Trial[]) =>
    trials.map(({ parameters }) => numberOf(distribution, parameters[name])).filter((value) => value !== undefined);
  const [ofTarget, ofAll] = [valuesIn(target), valuesIn(all)];
  if (isSingle(distribution) || ofTarget.length === 0 || ofAll.length < 2) return 0;
  const good = densityOnGrid(distribution, ofTarget);
  const local = evaluateOnLocal ? densityOnGrid(distribution, ofAll) : good.map(() => 1 / good.length);
  const pearson = local.reduce((sum, p, i) => sum + p * (good[i]! / p - 1) ** 2, 0);
  return ((ofTarget.length / target.length) ** 2 / (ofAll.length / all.length)) * pearson;
}

/** The largest number of points on which the densities of a number are compared. */
const gridSteps = 50;

/** A point for each value, up to 50; fewer for whole numbers on a logarithmic scale, as many as there are powers of 2. */
function gridLength(distribution: Numerical): number {
  const [values, step] = [highestOf(distribution) - distribution.low, stepOf(distribution)];
  if (step === null) return gridSteps;
  if (distribution.log) return Math.min(Math.ceil(Math.log(values + 1) / Math.log(2)) + 1, gridSteps);
  return Math.min(Math.round(values / step) + 1, gridSteps);
}

/** Of each choice, or at each point of a grid over the range. */
function densityOnGrid(distribution: Distribution, values: readonly number[]): number[] {
  const isCategorical = distribution.kind === 'categorical';
  const size = isCategorical ? distribution.choices.length : gridLength(distribution);
  const counts = new Array<number>(size).fill(0);
  for (const value of values) counts[isCategorical ? value : gridPoint(distribution, value, size)]!++;
  const points = counts.map((_, point) => point).filter((point) => counts[point]! > 0);
  const weights = points.map((point) => counts[point]!);
  const total = values.length + 1; // the prior's weight is 1
  const estimator: ParzenEstimator = {
    weights: [...weights, 1].map((weight) => weight / total),
    kernels: [isCategorical ? categoricalKernels(size, points) : scottKernels(points, weights, size)],
  };
  return counts.map((_, point) => Math.exp(logDensity(estimator, [point])) + 1e-12);
}

/** In the logarithm for a logarithmic range; halfway between two points is the lower. */
function gridPoint(distribution: Numerical, value: number, size: number): number {
  const scaled = (x: number) => (distribution.log ? Math.log(x) : x);
  const [low, high] = [scaled(distribution.low), scaled(highestOf(distribution))];
  const point = Math.ceil((scaled(value) - low) / ((high - low) / (size - 1)) - 0.5);
  return Math.min(Math.max(point, 0), size - 1);
}

/**
 * Kernels on the points of the grid, all as wide as Scott's rule says (1992): 1.059 · min(IQR / 1.34, σ) · n^(-1/5), at
 * least so wide that 90 % of a kernel is in its point. The prior is as wide as the grid.
 */
function scottKernels(points: readonly number[], weights: readonly number[], size: number): NumericalKernels {
  const n = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = points.reduce((sum, point, i) => sum + point * weights[i]!, 0) / n;
  const squares = points.reduce((sum, point, i) => sum + (point - mean) ** 2 * weights[i]!, 0);
  const deviation = Math.sqrt(squares / Math.max(1, n - 1));
  let sum = 0;
  const cumulative = weights.map((weight) => (sum += weight));
  const first = points[cumulative.findIndex((count) => count >= Math.floor(n / 4))]!;
  const third = points[cumulative.findIndex((count) => count > Math.floor((n * 3) / 4))] ?? points.at(-1)!;
  const width = Math.max(1.059 * Math.min((third - first) / 1.34, deviation) * n ** -0.2, 0.5 / 1.64);
  const [low, high] = [-0.5, size - 0.5];
  return truncatedKernels({
    mus: [...points, (size - 1) / 2],
    sigmas: [...points.map(() => width), size],
    low,
    high,
    log: false,
    step: 1,
    nearest: Math.round,
  });
}
