import type { Value } from '../graph/index.ts';
import { add, clip, div, minimum, mul, reduceSum, sqrt, square } from '../ops/index.ts';

/**
 * The gradients made shorter together, so that the norm of all of them in one is at most `maximum`:
 * g · min(1, maximum / (‖g‖ + 1e-6)), as `torch.nn.utils.clip_grad_norm_` (Pascanu et al. 2012, algorithm 1).
 * `norm` is what it was before.
 */
export function clipByNorm(gradients: readonly Value[], maximum: number): { gradients: Value[]; norm: Value } {
  const norm = globalNorm(gradients);
  const factor = minimum(div(maximum, add(norm, 1e-6)), 1);
  return { gradients: gradients.map((gradient) => mul(gradient, factor)), norm };
}

/** √Σ g² over all elements of all gradients. */
export function globalNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map((gradient) => reduceSum(square(gradient))).reduce(add));
}

/** Every element of the gradients brought into [-maximum, maximum], as `torch.nn.utils.clip_grad_value_`. */
export function clipByValue(gradients: readonly Value[], maximum: number): Value[] {
  return gradients.map((gradient) => clip(gradient, -maximum, maximum));
}

/** Limits on the gradients of a step. With both, elements are limited first. */
export interface ClipOptions {
  /** The largest norm of all gradients together, as `clipByNorm`. Default: none. */
  readonly norm?: number | undefined;
  /** The largest absolute value of an element, as `clipByValue`. Default: none. */
  readonly value?: number | undefined;
}

/** The gradients of a step, limited. */
export function clipGradients(gradients: readonly Value[], { norm, value }: ClipOptions): readonly Value[] {
  const limited = value === undefined ? gradients : clipByValue(gradients, value);
  return norm === undefined ? limited : clipByNorm(limited, norm).gradients;
}
