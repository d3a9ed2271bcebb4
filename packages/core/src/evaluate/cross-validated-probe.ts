/*
 * The linear probe of Radford et al. (2021, appendix A.3, CLIP): logistic regression by L-BFGS on frozen features, the
 * strength of its penalty found by a search over C. Nothing in it is random but the folds, which are addressed.
 */
import { OptionError } from '../base/errors.ts';
import { argmax } from '../base/largest.ts';
import type { Interval } from './bootstrap.ts';
import { softmax } from './evaluation.ts';
import { featureScales, standardised } from './feature-scales.ts';
import { type LogisticRegression, logisticRegression, logitsOf } from './logistic-regression.ts';
import { wilsonInterval } from './metrics.ts';
import { foldsOf, type LabelledFeatures } from './out-of-sample.ts';

export interface CrossValidatedProbeOptions {
  /** The folds by which accuracy is measured, at least 2. Default 5. */
  readonly folds?: number;
  /** The folds of the training images by which C is chosen, at least 2. Default 3. */
  readonly innerFolds?: number;
  /** Decides the folds. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The accuracy of linear probes, of images that none of them has seen and no C was chosen on. */
export interface CrossValidatedProbe {
  readonly accuracy: number;
  /** 95 % (Wilson). */
  readonly interval: Interval;
  /** Mean cross entropy. */
  readonly loss: number;
  /** The C of each fold's probe. */
  readonly inverseStrengths: readonly number[];
  /** The probabilities (classes) of each image, by the probe of the folds that it is not in. */
  readonly probabilities: readonly Float64Array[];
}

/** Log10 of the smallest and the largest C, of the first step, and of the last. CLIP goes on to an eighth of a decade. */
const search = { from: -6, to: 6, first: 2, last: 0.5 } as const;
/** Of the gradient of the mean loss: of the probes, and of those that only compare one C with another. */
const tolerance = { probe: 1e-4, search: 1e-3 } as const;
/** A fit of the search goes on where the last one ended; features far from round take hundreds of steps to the end. */
const stepsOfSearch = 50;

/**
 * Nested cross-validation of the linear probe: each fold is answered by a probe that was fitted to the others, with the
 * C that has the lowest cross entropy over folds of those others. Features are standardised by the images of the fit.
 *
 * @throws OptionError where there are fewer than 2 folds, or not as many images; the signal's reason
 */
export async function crossValidatedProbe(
  features: LabelledFeatures,
  options: CrossValidatedProbeOptions = {},
): Promise<CrossValidatedProbe> {
  const { folds = 5, innerFolds = 3, seed = 0, signal, onProgress } = options;
  const { labels, classes } = features;
  for (const [option, received] of Object.entries({ folds, innerFolds })) {
    if (!(Number.isInteger(received) && received >= 2 && received <= labels.length))
      throw new OptionError({ option, expected: 'a whole number from 2 to that of the images', received });
  }
  const probabilities: Float64Array[] = labels.map(() => new Float64Array(classes).fill(1 / classes));
  const inverseStrengths: number[] = [];
  const foldOf = foldsOf(features, folds, seed);
  for (let fold = 0; fold < folds; fold++) {
    const { training, rest } = divided(foldOf, fold);
    if (training.length > 0 && rest.length > 0) {
      const rows = standardisedRows(features.rows, training);
      const known = { ...part(features, training), rows: training.map((i) => rows[i]!) };
      const chosen = await chooseStrength(known, { folds: innerFolds, seed, signal });
      const probe = logisticRegression(known.rows, known.labels, classes, { ...chosen, tolerance: tolerance.probe });
      for (const i of rest) probabilities[i] = softmax(logitsOf(probe, rows[i]!));
      inverseStrengths.push(chosen.inverseStrength);
    }
    await pause(signal);
    onProgress?.(fold + 1, folds);
  }
  const correct = probabilities.filter((row, i) => argmax(row) === labels[i]).length;
  return {
    accuracy: correct / labels.length,
    interval: wilsonInterval(correct, labels.length),
    loss: probabilities.reduce((sum, row, i) => sum + lossOf(row, labels[i]!), 0) / labels.length,
    inverseStrengths,
    probabilities,
  };
}

/** Rows (n) in fewer numbers, with their labels. */
interface Examples {
  readonly rows: readonly Float64Array[];
  readonly labels: readonly number[];
  readonly contents: readonly string[];
  readonly classes: number;
}

/**
 * The C with the lowest cross entropy over folds: from the strongest penalty up by factors of 100 until it rises, then
 * twice on either side of the lowest by half the step, down to half a decade. Each fit begins at the last one's
 * end.
 */
async function chooseStrength(
  { rows, labels, contents, classes }: Examples,
  { folds, seed, signal }: { readonly folds: number; readonly seed: number; readonly signal: AbortSignal | undefined },
): Promise<{ inverseStrength: number }> {
  const foldOf = foldsOf({ labels, contents, classes }, folds, seed);
  const parts = Array.from({ length: folds }, (_, fold) => divided(foldOf, fold));
  const fits = parts.filter(({ training, rest }) => training.length > 0 && rest.length > 0);
  const last = new Map<object, LogisticRegression>();
  const lossAt = async (exponent: number): Promise<number> => {
    let sum = 0;
    for (const fit of fits) {
      const own = { rows: fit.training.map((i) => rows[i]!), labels: fit.training.map((i) => labels[i]!) };
      const start = last.get(fit);
      const settings = {
        inverseStrength: 10 ** exponent,
        tolerance: tolerance.search,
        maxSteps: stepsOfSearch,
        ...(start && { start }),
      };
      const probe = logisticRegression(own.rows, own.labels, classes, settings);
      last.set(fit, probe);
      for (const i of fit.rest) sum += lossOf(softmax(logitsOf(probe, rows[i]!)), labels[i]!);
      await pause(signal);
    }
    return sum;
  };
  let best = { exponent: search.from as number, loss: await lossAt(search.from) };
  for (let exponent = search.from + search.first; exponent <= search.to; exponent += search.first) {
    const loss = await lossAt(exponent);
    if (loss >= best.loss) break;
    best = { exponent, loss };
  }
  for (let step = search.first / 2; step >= search.last; step /= 2) {
    const middle = best.exponent;
    for (const exponent of [middle - step, middle + step]) {
      const loss = await lossAt(exponent);
      if (loss < best.loss) best = { exponent, loss };
    }
  }
  return { inverseStrength: 10 ** best.exponent };
}

function divided(foldOf: readonly number[], fold: number): { training: number[]; rest: number[] } {
  const [training, rest]: [number[], number[]] = [[], []];
  for (const [i, own] of foldOf.entries()) (own === fold ? rest : training).push(i);
  return { training, rest };
}

function part({ labels, contents, classes }: LabelledFeatures, indices: readonly number[]) {
  return { labels: indices.map((i) => labels[i]!), contents: indices.map((i) => contents[i]!), classes };
}

/** All rows, standardised by those of the training; in coordinates of their span where these are shorter. */
function standardisedRows(rows: readonly Float32Array[], training: readonly number[]): Float64Array[] {
  const scales = featureScales(training.map((i) => rows[i]!));
  const scaled = rows.map((row) => standardised(row, scales));
  return rows.length < 2 * scales.mean.length ? inSpan(scaled) : scaled;
}

/**
 * Vectors in coordinates of an orthonormal basis of their span, by the modified Gram-Schmidt process: the first has
 * one, each further one at most one more, so that the average row is half as long. Their products are the same, and so are all linear models with a penalty on
 * the length of their weights, at a fraction of the work.
 */
function inSpan(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  return vectors.map((vector) => {
    const rest = vector.slice();
    const coordinates = new Float64Array(basis.length + 1);
    for (const [j, direction] of basis.entries()) {
      const length = product(rest, direction);
      coordinates[j] = length;
      for (let k = 0; k < rest.length; k++) rest[k]! -= length * direction[k]!;
    }
    const length = Math.sqrt(product(rest, rest));
    if (length <= 1e-9 * Math.sqrt(product(vector, vector))) return coordinates.slice(0, basis.length);
    coordinates[basis.length] = length;
    basis.push(rest.map((value) => value / length));
    return coordinates;
  });
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

const lossOf = (probabilities: Float64Array, label: number) => -Math.log(Math.max(probabilities[label]!, 1e-300));

/** Lets other events happen, Ctrl-C among them. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}
