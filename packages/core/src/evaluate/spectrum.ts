/** The eigenvalues of a symmetric matrix, and vectors in the basis of its eigenvectors. */
export interface Spectrum {
  /** (n), in no order. */
  readonly values: Float64Array;
  /** For each given vector its products with the eigenvectors, (n), in the order of the values. */
  readonly projections: readonly Float64Array[];
}

const mostSweeps = 60;

/**
 * Eigenvalues of a symmetric matrix (n, n) and the projections of vectors (n) on its eigenvectors, which themselves are
 * not computed: Householder's reduction to three diagonals (Golub & Van Loan 2013, algorithm 8.3.1), then implicit QL
 * steps (Press et al. 2007, section 11.4), both applied to the vectors instead of to a matrix. About n³ multiplications.
 */
export function spectrum(matrix: readonly Float64Array[], vectors: readonly ArrayLike<number>[]): Spectrum {
  const turned = vectors.map((vector) => Float64Array.from(vector));
  const { diagonal, beside } = tridiagonal(matrix, turned);
  diagonalise(diagonal, beside, turned);
  return { values: diagonal, projections: turned };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Below the diagonal, (n): the last is 0. */
  readonly beside: Float64Array;
}

/** Reflects the matrix to three diagonals, and the vectors with it. */
function tridiagonal(matrix: readonly Float64Array[], vectors: readonly Float64Array[]): Tridiagonal {
  const n = matrix.length;
  const a = matrix.map((row) => row.slice());
  const beside = new Float64Array(n);
  for (let k = 0; k + 1 < n; k++) {
    const mirror = mirrorOf(a[k]!, k + 1);
    beside[k] = mirror.image;
    if (mirror.factor === 0) continue;
    reflectBothSides(a, mirror, k + 1);
    for (const vector of vectors) {
      const share = mirror.factor * productFrom(k + 1, mirror.normal, vector);
      for (let i = k + 1; i < n; i++) vector[i]! -= share * mirror.normal[i]!;
    }
  }
  return { diagonal: Float64Array.from(a, (row, k) => row[k]!), beside };
}

/** The reflection I − factor · normal · normalᵀ, and the entry to which it brings the rest of a row. */
interface Mirror {
  readonly normal: Float64Array;
  readonly factor: number;
  readonly image: number;
}

/** The reflection that leaves of a row, from `first` on, only the entry there. */
function mirrorOf(row: Float64Array, first: number): Mirror {
  const normal = row.slice();
  const length = Math.sqrt(productFrom(first, row, row));
  const head = row[first]!;
  if (length === Math.abs(head)) return { normal, factor: 0, image: head };
  const image = head > 0 ? -length : length;
  normal[first] = head - image;
  return { normal, factor: 2 / productFrom(first, normal, normal), image };
}

/** H · A · H of the block from `first` on, A symmetric: A − v wᵀ − w vᵀ. */
function reflectBothSides(a: readonly Float64Array[], { normal, factor }: Mirror, first: number): void {
  const n = a.length;
  const w = new Float64Array(n);
  for (let i = first; i < n; i++) w[i] = factor * productFrom(first, a[i]!, normal);
  const half = (factor / 2) * productFrom(first, w, normal);
  for (let i = first; i < n; i++) w[i]! -= half * normal[i]!;
  for (let i = first; i < n; i++) {
    const [row, v, u] = [a[i]!, normal[i]!, w[i]!];
    for (let j = first; j < n; j++) row[j]! -= v * w[j]! + u * normal[j]!;
  }
}

function productFrom(first: number, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = first; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** QL with implicit shifts: `d` becomes the eigenvalues, and the vectors are turned by the same rotations. */
function diagonalise(d: Float64Array, e: Float64Array, vectors: readonly Float64Array[]): void {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      const m = blockEnd(d, e, l);
      if (m === l) break;
      if (sweep === mostSweeps) throw new Error('spectrum: the eigenvalues do not converge');
      sweepBlock(d, e, l, m, vectors);
    }
  }
}

/** The end of the block that begins at `l`: the first place after which nothing stands beside the diagonal. */
function blockEnd(d: Float64Array, e: Float64Array, l: number): number {
  let m = l;
  while (m + 1 < d.length && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
  return m;
}

function sweepBlock(d: Float64Array, e: Float64Array, l: number, m: number, vectors: readonly Float64Array[]): void {
  const quotient = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const root = Math.hypot(quotient, 1);
  let g = d[m]! - d[l]! + e[l]! / (quotient + (quotient >= 0 ? root : -root));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const [f, b] = [s * e[i]!, c * e[i]!];
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    [s, c] = [f / r, g / r];
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    for (const vector of vectors) {
      const [low, high] = [vector[i]!, vector[i + 1]!];
      vector[i + 1] = s * low + c * high;
      vector[i] = c * low - s * high;
    }
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}
