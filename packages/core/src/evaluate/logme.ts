import { OptionError } from '../base/errors.ts';
import { spectrum } from './spectrum.ts';

/** The fixed point is reached when α/β moves by less than this share of itself. */
const tolerance = 1e-6;
const mostSteps = 100;
/** Keeps α and β finite where features fit the labels exactly, as in the authors' code. */
const epsilon = 1e-5;

/**
 * LogME (You et al. 2021, arXiv 2102.11005 and 2110.10545): the logarithm of the maximum evidence of labels given
 * features, per image, the mean over classes. For each class y is 1 for its images and 0 for others, and the model is
 * Bayesian linear regression, y ~ N(F w, 1/β), w ~ N(0, 1/α):
 *
 *     log p(y | F) = n/2 log β + d/2 log α − n/2 log 2π − β/2 |F m − y|² − α/2 |m|² − ½ log |A|
 *     A = α + β FᵀF,  m = β A⁻¹ Fᵀy
 *
 * with the α and β that make it largest, by MacKay's fixed-point iteration on the eigenvalues σ of FᵀF and the
 * projections x of y on the directions of F:
 *
 *     γ = Σ β σ / (α + β σ),  α = γ / |m|²,  β = (n − γ) / |F m − y|²
 *
 * (The authors' code leaves the d − n eigenvalues that are 0 out of log |A| where there are fewer images than features;
 * here they are in.)
 *
 * @param rows features, (n) of (f)
 * @throws OptionError where there are no rows, or not as many labels
 */
export function logme(rows: readonly ArrayLike<number>[], labels: readonly number[], classes: number): number {
  if (rows.length === 0 || rows.length !== labels.length)
    throw new OptionError({ option: 'labels', expected: `one for each of the ${rows.length} rows`, received: labels });
  const [n, f] = [rows.length, rows[0]!.length];
  const targets = Array.from({ length: classes }, (_, c) => Float64Array.from(labels, (label) => Number(label === c)));
  const { values, squares } = n < f ? fromProducts(rows, targets) : fromCovariance(rows, targets, f);
  const evidences = targets.map((y, c) => evidence(values, squares[c]!, { n, f, total: y.reduce((a, b) => a + b, 0) }));
  return evidences.reduce((a, b) => a + b, 0) / classes;
}

/** The eigenvalues σ of FᵀF, and by class the squares x² of the labels' projections on the directions that they are of. */
interface Projected {
  readonly values: Float64Array;
  readonly squares: readonly Float64Array[];
}

/** From F Fᵀ (n, n), whose eigenvectors are the directions. */
function fromProducts(rows: readonly ArrayLike<number>[], targets: readonly Float64Array[]): Projected {
  const { values, projections } = spectrum(products(rows), targets);
  return { values: values.map(positive), squares: projections.map((x) => x.map((each) => each * each)) };
}

/** From FᵀF (f, f): with an eigenvector v of the value σ the direction is F v / √σ. */
function fromCovariance(rows: readonly ArrayLike<number>[], targets: readonly Float64Array[], f: number): Projected {
  const columns = Array.from({ length: f }, (_, k) => Float64Array.from(rows, (row) => row[k]!));
  const sums = targets.map((y) => Float64Array.from(columns, (column) => inner(column, y)));
  const { values, projections } = spectrum(products(columns), sums);
  const least = 1e-12 * values.reduce((most, value) => Math.max(most, value), 0);
  const squares = projections.map((x) => x.map((each, k) => (values[k]! > least ? (each * each) / values[k]! : 0)));
  return { values: values.map((value) => (value > least ? value : 0)), squares };
}

/** The products of vectors with each other. */
function products(vectors: readonly ArrayLike<number>[]): Float64Array[] {
  const matrix = vectors.map(() => new Float64Array(vectors.length));
  for (const [i, a] of vectors.entries()) {
    for (let j = 0; j <= i; j++) {
      const value = inner(a, vectors[j]!);
      matrix[i]![j] = value;
      matrix[j]![i] = value;
    }
  }
  return matrix;
}

const positive = (value: number) => Math.max(0, value);

/** The largest evidence per image. @param total Σ y², the images of the class */
function evidence(
  values: Float64Array,
  squares: Float64Array,
  { n, f, total }: { readonly n: number; readonly f: number; readonly total: number },
): number {
  const beyond = total - squares.reduce((a, b) => a + b, 0); // of y², what no direction has
  let [alpha, beta] = [1, 1];
  let [misfit, length] = [0, 0];
  for (let step = 0; step < mostSteps; step++) {
    const t = alpha / beta;
    let gamma = 0;
    [misfit, length] = [Math.max(0, beyond), 0];
    for (const [k, value] of values.entries()) {
      gamma += value / (value + t);
      length += (value * squares[k]!) / (value + t) ** 2;
      misfit += squares[k]! * (t / (value + t)) ** 2;
    }
    [alpha, beta] = [gamma / (length + epsilon), (n - gamma) / (misfit + epsilon)];
    if (Math.abs(alpha / beta - t) <= tolerance * t) break;
  }
  let determinant = (f - values.length) * Math.log(alpha);
  for (const value of values) determinant += Math.log(alpha + beta * value);
  const log = n * Math.log(beta) + f * Math.log(alpha) - n * Math.log(2 * Math.PI) - determinant;
  return (log - beta * misfit - alpha * length) / (2 * n);
}

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
