/** A function to be minimised: returns its value at `x`, and writes its gradient there. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Ends when no entry of the gradient is larger. Default 1e-4, as in scikit-learn. */
  readonly tolerance?: number;
  /** The most steps. Default 1000. */
  readonly maxSteps?: number;
  /** Pairs of steps and gradients that are kept. Default 10. */
  readonly memory?: number;
}

/** The point at which a minimisation ended. */
export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly steps: number;
  /** Whether the gradient is within the tolerance. */
  readonly converged: boolean;
}

/** A step s with the change y of the gradient over it. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  /** 1 / sᵀy. */
  readonly rho: number;
}

/** The share of the decrease promised by the slope that a step must bring (Armijo). */
const decrease = 1e-4;
const mostHalvings = 40;

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5), with backtracking by quadratic
 * interpolation. Convexity makes sᵀy > 0, so that no condition on the curvature is needed. Deterministic.
 */
export function lbfgs(
  objective: Objective,
  start: Float64Array,
  { tolerance = 1e-4, maxSteps = 1000, memory = 10 }: LbfgsOptions = {},
): Minimum {
  let x = start.slice();
  let gradient = new Float64Array(x.length);
  let value = objective(x, gradient);
  const pairs: Pair[] = [];
  let steps = 0;
  for (; steps < maxSteps && largest(gradient) > tolerance; steps++) {
    const direction = descent(gradient, pairs);
    const next = search(objective, { x, value, gradient, direction }, pairs.length === 0);
    if (next === null) break; // no step is lower: the value is exact to its last bits
    const s = next.x.map((each, i) => each - x[i]!);
    const y = next.gradient.map((each, i) => each - gradient[i]!);
    const product = inner(s, y);
    if (product > 1e-10 * inner(y, y)) pairs.push({ s, y, rho: 1 / product });
    if (pairs.length > memory) pairs.shift();
    ({ x, value, gradient } = next);
  }
  return { x, value, steps, converged: largest(gradient) <= tolerance };
}

/** −H · gradient, H the approximation of the inverse Hessian by the pairs: the two-loop recursion. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.map((each) => -each);
  const shares = new Float64Array(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i]!;
    shares[i] = rho * inner(s, q);
    add(q, -shares[i]!, y);
  }
  const last = pairs.at(-1);
  if (last) scale(q, 1 / (last.rho * inner(last.y, last.y)));
  for (const [i, { s, y, rho }] of pairs.entries()) add(q, shares[i]! - rho * inner(y, q), s);
  return q;
}

interface Point {
  readonly x: Float64Array<ArrayBuffer>;
  readonly value: number;
  readonly gradient: Float64Array<ArrayBuffer>;
}

/** A point along the direction that is low enough; null where there is none. */
function search(
  objective: Objective,
  { x, value, gradient, direction }: Point & { readonly direction: Float64Array },
  isFirst: boolean,
): Point | null {
  const slope = inner(gradient, direction);
  // Without pairs the direction has the gradient's units: its length says nothing.
  let rate = isFirst ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
  for (let i = 0; i < mostHalvings; i++) {
    const point = x.slice();
    add(point, rate, direction);
    const there = new Float64Array(x.length);
    const reached = objective(point, there);
    if (reached <= value + decrease * rate * slope) return { x: point, value: reached, gradient: there };
    const vertex = (-slope * rate * rate) / (2 * (reached - value - slope * rate));
    rate = Math.min(Math.max(vertex, 0.1 * rate), 0.5 * rate);
    if (Number.isNaN(rate)) return null;
  }
  return null;
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(to: Float64Array, factor: number, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
}

function scale(values: Float64Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
