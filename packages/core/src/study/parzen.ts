import { logNormalDensity, logNormalMass, truncatedQuantile } from './normal.ts';
import { highestOf, type Numerical, nearest, stepOf } from './space.ts';
import type { Distribution } from './study.ts';

/** A kernel for each observation of an option, and the prior's as the last. */
export type Kernels = CategoricalKernels | NumericalKernels;

export interface CategoricalKernels {
  readonly kind: 'categorical';
  /** The probabilities of the choices, by kernel. */
  readonly probabilities: readonly (readonly number[])[];
}

/** Normal distributions that are cut to the range, in the logarithm for a logarithmic one. */
export interface NumericalKernels {
  readonly kind: 'numerical';
  readonly mus: readonly number[];
  readonly sigmas: readonly number[];
  /** The logarithms of what the bounds leave of the kernels. */
  readonly logMasses: readonly number[];
  /** For each kernel the first that is equal to it. Whole numbers of a hundred trials have a handful of different ones. */
  readonly firstEqual: readonly number[];
  /** Bounds of the kernels: half a step beyond those of the values. */
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  /** Null where every number of the range is a value. */
  readonly step: number | null;
  /** The value of the range that is nearest. */
  readonly nearest: (x: number) => number;
}

/** A mixture of products: one kernel for each option and observation. */
export interface ParzenEstimator {
  /** Of the observations and of the prior, with the sum 1. */
  readonly weights: readonly number[];
  /** By option, in the order of the space. */
  readonly kernels: readonly Kernels[];
}

/** The weight of the prior beside that of an observation of late. */
const priorWeight = 1;

/**
 * The Parzen estimator of observed values (Bergstra et al. 2011, section 4), as Optuna 5.0 makes it.
 *
 * @param observations rows of numbers, by observation from the oldest and by option; a choice is its index
 */
export function parzenEstimator(
  space: readonly Distribution[],
  observations: readonly (readonly number[])[],
): ParzenEstimator {
  const count = observations.length;
  const weights = normalized([...recencyWeights(count), priorWeight]);
  const kernels = space.map((distribution, i): Kernels => {
    const values = observations.map((row) => row[i]!);
    return distribution.kind === 'categorical'
      ? categoricalKernels(distribution.choices.length, values)
      : numericalKernels(distribution, values);
  });
  return { weights, kernels };
}

/** The last 25 observations count in full, those before them less by their age (Bergstra et al. 2013, section 5.1). */
function recencyWeights(count: number): number[] {
  const ramp = Math.max(0, count - 25);
  const slope = ramp > 1 ? (1 - 1 / count) / (ramp - 1) : 0;
  return Array.from({ length: count }, (_, i) => (i < ramp ? 1 / count + i * slope : 1));
}

/** Every kernel is the observed choice, with the prior's weight spread over all choices. */
export function categoricalKernels(choices: number, values: readonly number[]): CategoricalKernels {
  const uniform = Array.from({ length: choices }, () => 1 / choices);
  if (values.length === 0) return { kind: 'categorical', probabilities: [uniform] };
  const spread = priorWeight / (values.length + 1);
  const kernel = (value: number) => normalized(uniform.map((_, choice) => spread + (choice === value ? 1 : 0)));
  return { kind: 'categorical', probabilities: [...values.map(kernel), uniform] };
}

function numericalKernels(distribution: Numerical, values: readonly number[]): NumericalKernels {
  const { log = false } = distribution;
  const step = stepOf(distribution);
  const margin = (step ?? 0) / 2;
  const scaled = (x: number) => (log ? Math.log(x) : x);
  const [low, high] = [scaled(distribution.low - margin), scaled(highestOf(distribution) + margin)];
  const observed = values.map(scaled);
  return truncatedKernels({
    mus: [...observed, 0.5 * (low + high)],
    sigmas: [...widths(observed, low, high), high - low],
    low,
    high,
    log,
    step,
    nearest: (x) => nearest(distribution, x),
  });
}

/** Normal kernels, and what the bounds leave of them. */
export function truncatedKernels(
  kernels: Omit<NumericalKernels, 'kind' | 'logMasses' | 'firstEqual'>,
): NumericalKernels {
  const { mus, sigmas, low, high } = kernels;
  const firsts = new Map<number, Map<number, number>>();
  const firstEqual = mus.map((mu, kernel) => {
    const ofMu = firsts.get(mu) ?? new Map<number, number>();
    firsts.set(mu, ofMu);
    const first = ofMu.get(sigmas[kernel]!) ?? kernel;
    ofMu.set(sigmas[kernel]!, first);
    return first;
  });
  const logMasses = forEachDifferent(firstEqual, (kernel) =>
    logNormalMass((low - mus[kernel]!) / sigmas[kernel]!, (high - mus[kernel]!) / sigmas[kernel]!),
  );
  return { kind: 'numerical', ...kernels, logMasses, firstEqual };
}

/** A number for each kernel, computed once for equal ones. */
function forEachDifferent(firstEqual: readonly number[], compute: (kernel: number) => number): number[] {
  const numbers: number[] = [];
  for (const [kernel, first] of firstEqual.entries()) {
    numbers.push(first === kernel ? compute(kernel) : numbers[first]!);
  }
  return numbers;
}

/**
 * The standard deviations of the kernels: the distance to the farther of the two neighbours, where the outermost
 * observations have one and a single observation has the bounds of the range. They are at least the range divided by
 * the number of kernels plus 1, or by 100 ("magic clip"), and at most the range.
 */
function widths(mus: readonly number[], low: number, high: number): number[] {
  const order = mus.map((_, i) => i).sort((a, b) => mus[a]! - mus[b]!);
  const sorted = [low, ...order.map((i) => mus[i]!), high];
  const smallest = (high - low) / Math.min(100, 2 + mus.length);
  const sigmas = mus.slice();
  order.forEach((observation, rank) => {
    const [before, own, after] = [sorted[rank]!, sorted[rank + 1]!, sorted[rank + 2]!];
    const isFirst = rank === 0 && mus.length > 1;
    const isLast = rank === mus.length - 1 && mus.length > 1;
    const width = isFirst ? after - own : isLast ? own - before : Math.max(own - before, after - own);
    sigmas[observation] = Math.min(Math.max(width, smallest), high - low);
  });
  return sigmas;
}

/** The logarithm of the density at a point: a number for each option, in the order of the space. */
export function logDensity({ weights, kernels }: ParzenEstimator, point: readonly number[]): number {
  const logs = weights.map(Math.log);
  for (const [option, each] of kernels.entries()) {
    for (const [kernel, log] of logKernels(each, point[option]!).entries()) logs[kernel]! += log;
  }
  const largest = logs.reduce((a, b) => Math.max(a, b));
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
}

/** The logarithm of each kernel at x. A step has the mass from half a step below to half a step above. */
function logKernels(kernels: Kernels, x: number): number[] {
  if (kernels.kind === 'categorical') return kernels.probabilities.map((each) => Math.log(each[x]!));
  const { mus, sigmas, logMasses, firstEqual, low, high, log, step } = kernels;
  const scaled = (value: number) => (log ? Math.log(value) : value);
  if (step !== null) {
    const [from, to] = [scaled(x - step / 2), scaled(x + step / 2)];
    return forEachDifferent(firstEqual, (kernel) => {
      const [mu, sigma] = [mus[kernel]!, sigmas[kernel]!];
      return logNormalMass((from - mu) / sigma, (to - mu) / sigma) - logMasses[kernel]!;
    });
  }
  const at = scaled(x);
  if (at < low || at > high) return mus.map(() => Number.NEGATIVE_INFINITY);
  return mus.map((mu, kernel) => {
    const sigma = sigmas[kernel]!;
    return logNormalDensity((at - mu) / sigma) - Math.log(sigma) - logMasses[kernel]!;
  });
}

/**
 * Draws points of a mixture. Uniform numbers are drawn in the order in which Optuna draws them: all points' kernels,
 * then for each categorical option all points' choices, then for each other option all points' quantiles.
 *
 * @param uniform a number in [0, 1) for each call
 */
export function samplePoints(
  { weights, kernels }: ParzenEstimator,
  count: number,
  uniform: () => number,
): readonly (readonly number[])[] {
  const active = Array.from({ length: count }, () => drawIndex(weights, uniform()));
  const points = active.map(() => new Array<number>(kernels.length).fill(0));
  const draw = (kind: Kernels['kind']) => {
    kernels.forEach((each, option) => {
      if (each.kind !== kind) return;
      for (const [i, kernel] of active.entries()) points[i]![option] = drawValue(each, kernel, uniform());
    });
  };
  draw('categorical');
  draw('numerical');
  return points;
}

function drawValue(kernels: Kernels, kernel: number, u: number): number {
  if (kernels.kind === 'categorical') return drawIndex(kernels.probabilities[kernel]!, u);
  const { low, high, log } = kernels;
  const x = truncatedQuantile(u, kernels.mus[kernel]!, kernels.sigmas[kernel]!, low, high);
  return kernels.nearest(log ? Math.exp(x) : x);
}

/** The first index at which the sum of the probabilities is above u. */
function drawIndex(probabilities: readonly number[], u: number): number {
  let sum = 0;
  const index = probabilities.findIndex((probability) => {
    sum += probability;
    return u < sum;
  });
  return index < 0 ? probabilities.length - 1 : index;
}

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
