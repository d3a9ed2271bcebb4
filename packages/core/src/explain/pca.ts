import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';

/** Principal components of vectors. */
export interface Pca {
  /** The mean vector, (f). */
  readonly mean: Float64Array;
  /** Directions of unit length, the one of the largest variance first, (k) of (f). The largest entry of each is above 0. */
  readonly components: readonly Float64Array[];
  /** The variance along each, with n − 1 below the line. */
  readonly variances: readonly number[];
  /** The share of all variance along each. */
  readonly shares: readonly number[];
  /** The vectors without their mean in these directions, (n) of (k). */
  readonly projected: readonly Float64Array[];
}

export interface PcaOptions {
  /** At most so many components; fewer where the vectors have fewer. Default 50. */
  readonly components?: number;
}

/** Directions that are computed beside those that are asked for: these then converge sooner. */
const spare = 30;
/** The largest residual |S v − λ v|, relative to the largest variance. */
const tolerance = 1e-10;
const mostSteps = 500;

/**
 * Principal component analysis (Jolliffe 2002): eigenvectors of the covariance, or where there are fewer vectors than
 * dimensions of their products, by orthogonal iteration with Rayleigh-Ritz steps (Golub & Van Loan 2013, section 8.2).
 * Equal vectors give equal results.
 *
 * @param vectors (n) of (f), at least two
 * @throws OptionError where they are fewer, or not of one length
 */
export function pca(vectors: readonly ArrayLike<number>[], { components: wanted = 50 }: PcaOptions = {}): Pca {
  const [n, f] = [vectors.length, vectors[0]?.length ?? 0];
  if (n < 2 || f === 0 || vectors.some((vector) => vector.length !== f)) {
    throw new OptionError({ option: 'vectors', expected: 'at least two of one length', received: n });
  }
  const mean = new Float64Array(f);
  for (const vector of vectors) for (let j = 0; j < f; j++) mean[j]! += vector[j]! / n;
  const centred = vectors.map((vector) => Float64Array.from(mean, (middle, j) => vector[j]! - middle));
  const isWide = n < f;
  const total = centred.reduce((sum, row) => sum + dot(row, row), 0) / (n - 1);
  const matrix = isWide ? products(centred) : products(transposed(centred, f));
  for (const row of matrix) for (let j = 0; j < row.length; j++) row[j]! /= n - 1;
  const found = eigenvectors(matrix, Math.min(wanted, n - 1, f));
  // Directions without variance are noise.
  const kept = found.filter(({ value }) => value > 1e-12 * total);
  const components = kept.map(({ vector }) => {
    const direction = isWide ? combined(centred, vector, f) : vector;
    const length = Math.sqrt(dot(direction, direction));
    const largest = direction.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    return direction.map((value) => value / (largest < 0 ? -length : length));
  });
  const variances = kept.map(({ value }) => value);
  return {
    mean,
    components,
    variances,
    shares: variances.map((value) => value / total),
    projected: centred.map((row) => Float64Array.from(components, (component) => dot(row, component))),
  };
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function transposed(rows: readonly Float64Array[], width: number): Float64Array[] {
  return Array.from({ length: width }, (_, j) => Float64Array.from(rows, (row) => row[j]!));
}

/** A · Aᵀ. */
function products(rows: readonly Float64Array[]): Float64Array[] {
  const result = rows.map(() => new Float64Array(rows.length));
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j <= i; j++) {
      const value = dot(rows[i]!, rows[j]!);
      result[i]![j] = value;
      result[j]![i] = value;
    }
  }
  return result;
}

/** Σ weightsᵢ · rowsᵢ. */
function combined(rows: readonly Float64Array[], weights: ArrayLike<number>, width: number): Float64Array {
  const sum = new Float64Array(width);
  rows.forEach((row, i) => {
    const weight = weights[i]!;
    for (let j = 0; j < width; j++) sum[j]! += weight * row[j]!;
  });
  return sum;
}

interface Eigenpair {
  readonly value: number;
  readonly vector: Float64Array;
}

/** The largest eigenvalues of a symmetric matrix that is not negative, with their vectors. */
function eigenvectors(matrix: readonly Float64Array[], count: number): Eigenpair[] {
  const side = matrix.length;
  const width = Math.min(side, count + spare);
  const stream = randomStream(0, 'pca');
  let basis = orthonormal(
    Array.from({ length: width }, () => Float64Array.from({ length: side }, () => stream.normal())),
  );
  for (let step = 0; ; step++) {
    const images = basis.map((vector) => Float64Array.from(matrix, (row) => dot(row, vector)));
    const small = basis.map((vector) => Float64Array.from(images, (image) => dot(vector, image)));
    const turned = jacobi(small);
    const vectors = turned.map(({ vector }) => combined(basis, vector, side));
    const pairs = turned.map(({ value }, i) => ({ value, vector: vectors[i]! }));
    const imagesOf = turned.map(({ vector }) => combined(images, vector, side));
    const worst = pairs.slice(0, count).reduce((most, { value, vector }, i) => {
      const residual = imagesOf[i]!.map((entry, j) => entry - value * vector[j]!);
      return Math.max(most, Math.sqrt(dot(residual, residual)));
    }, 0);
    if (worst <= tolerance * pairs[0]!.value || width === side || step === mostSteps) return pairs.slice(0, count);
    basis = orthonormal(imagesOf);
  }
}

/** Gram-Schmidt, twice for each vector, since once leaves rounding errors that grow. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    let rest = vector.slice();
    for (let pass = 0; pass < 2; pass++) {
      for (const other of done) {
        const share = dot(rest, other);
        for (let i = 0; i < rest.length; i++) rest[i]! -= share * other[i]!;
      }
      const length = Math.sqrt(dot(rest, rest));
      rest = length > 0 ? rest.map((value) => value / length) : rest;
    }
    done.push(rest);
  }
  return done;
}

/** All eigenvalues of a small symmetric matrix, the largest first, by Jacobi's rotations (Golub & Van Loan, 8.5). */
function jacobi(symmetric: readonly Float64Array[]): Eigenpair[] {
  const a = symmetric.map((row) => row.slice());
  const n = a.length;
  const vectors = a.map((_, i) => Float64Array.from({ length: n }, (__, j) => (i === j ? 1 : 0)));
  const scale = Math.sqrt(a.reduce((sum, row) => sum + dot(row, row), 0));
  const rotate = (x: Float64Array, y: Float64Array, c: number, s: number) => {
    for (let k = 0; k < n; k++) {
      const [u, v] = [x[k]!, y[k]!];
      x[k] = c * u - s * v;
      y[k] = s * u + c * v;
    }
  };
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]![q]!;
        off = Math.max(off, Math.abs(apq));
        if (Math.abs(apq) <= 1e-17 * scale) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        rotate(a[p]!, a[q]!, c, s);
        for (let k = 0; k < n; k++) {
          const [u, v] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * u - s * v;
          a[k]![q] = s * u + c * v;
        }
        rotate(vectors[p]!, vectors[q]!, c, s);
      }
    }
    if (off <= 1e-15 * scale) break;
  }
  return vectors.map((vector, i) => ({ value: a[i]![i]!, vector })).sort((x, y) => y.value - x.value);
}
