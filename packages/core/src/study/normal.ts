/** log √(2π) */
const logRoot = 0.5 * Math.log(2 * Math.PI);

/** log φ(x), the density of the standard normal distribution. */
export const logNormalDensity = (x: number) => -0.5 * x * x - logRoot;

/**
 * log Φ(x), the distribution function of the standard normal. Down to -3 by Marsaglia's series of odd powers (2004,
 * "Evaluating the Normal Distribution"), below by the continued fraction of Mills' ratio; 1e-13 of the result everywhere.
 */
export function logNormalCdf(x: number): number {
  if (x > 0) return Math.log1p(-Math.exp(logNormalCdf(-x)));
  if (x < -3) return logNormalDensity(x) + Math.log(millsRatio(-x));
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return Math.log(0.5 + Math.exp(logNormalDensity(x)) * sum);
}

/** (1 - Φ(t)) / φ(t) = 1/(t + 1/(t + 2/(t + 3/(t + …)))), for t from 3. */
function millsRatio(t: number): number {
  let fraction = t;
  for (let k = 60; k > 0; k--) fraction = t + k / fraction;
  return 1 / fraction;
}

/** log(Φ(b) - Φ(a)) for a ≤ b; -∞ where they are equal. */
export function logNormalMass(a: number, b: number): number {
  if (a > 0) return logNormalMass(-b, -a); // the left tail is exact
  if (b <= 0) {
    const upper = logNormalCdf(b);
    return upper + Math.log1p(-Math.exp(logNormalCdf(a) - upper));
  }
  return Math.log1p(-Math.exp(logNormalCdf(a)) - Math.exp(logNormalCdf(-b)));
}

/** The q-quantile of the normal distribution that is cut to [low, high]. */
export function truncatedQuantile(q: number, mu: number, sigma: number, low: number, high: number): number {
  const [a, b] = [(low - mu) / sigma, (high - mu) / sigma];
  if (q <= 0) return low;
  if (q >= 1) return high;
  const logMass = logNormalMass(a, b);
  const z =
    a < 0
      ? inverseLogCdf(logAdd(logNormalCdf(a), Math.log(q) + logMass))
      : -inverseLogCdf(logAdd(logNormalCdf(-b), Math.log1p(-q) + logMass));
  return mu + sigma * Math.min(Math.max(z, a), b);
}

/** log(eˣ + eʸ) */
function logAdd(x: number, y: number): number {
  const larger = Math.max(x, y);
  return larger === Number.NEGATIVE_INFINITY ? larger : larger + Math.log1p(Math.exp(Math.min(x, y) - larger));
}

/**
 * The x with log Φ(x) = y, by Newton's method: dx = (log Φ(x) - y) · Φ(x) / φ(x). It begins at the logistic
 * approximation of Φ, in the tail at that of φ. Near y = 0 it looks for -x instead, whose logarithm has more digits.
 */
function inverseLogCdf(y: number): number {
  if (y > -1e-2) return -inverseLogCdf(Math.log(-Math.expm1(y)));
  let x = y < -5 ? -Math.sqrt(-2 * (y + logRoot)) : (-Math.sqrt(3) / Math.PI) * Math.log(Math.expm1(-y));
  for (let i = 0; i < 100; i++) {
    const logCdf = logNormalCdf(x);
    const dx = (logCdf - y) * Math.exp(logCdf - logNormalDensity(x));
    x -= dx;
    if (Math.abs(dx) < 1e-12 * Math.abs(x)) break;
  }
  return x;
}
