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

/** Limits on all gradients of a step, before the optimizer sees them: elements are limited first, then the norm. */
export interface Clipping {
  /** The largest norm of all gradients together, as `clipByNorm`. Default: any. */
  readonly norm?: number | undefined;
  /** The largest absolute value of an element, as `clipByValue`. Default: any. */
  readonly value?: number | undefined;
}

/** A transformation of all gradients of a step together. */
export type GradientTransform = (gradients: readonly Value[]) => readonly Value[];

/** Limits as a function of gradients; a function is one already. */
export function clipperOf(clip: Clipping | GradientTransform): GradientTransform {
  if (typeof clip === 'function') return clip;
  const { norm, value } = clip;
  return (gradients) => {
    const limited = value === undefined ? gradients : clipByValue(gradients, value);
    return norm === undefined ? limited : clipByNorm(limited, norm).gradients;
  };
}
