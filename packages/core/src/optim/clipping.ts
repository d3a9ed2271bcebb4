import type { Value } from '../graph/index.ts';
import { add, clip, div, minimum, mul, reduceSum, sqrt, square } from '../ops/index.ts';

/**
 * Scales all gradients together so that their global norm is at most `maximum`: g · min(1, maximum / (‖g‖ + 1e-6)), as
 * `torch.nn.utils.clip_grad_norm_` (Pascanu et al. 2012, algorithm 1). `norm` is the global norm before that, ().
 */
export function clipByNorm(gradients: readonly Value[], maximum: number): { gradients: Value[]; norm: Value } {
  const norm = globalNorm(gradients);
  const factor = minimum(div(maximum, add(norm, 1e-6)), 1);
  return { gradients: gradients.map((gradient) => mul(gradient, factor)), norm };
}

/** The global norm: √Σ g² over all elements of all gradients, (). */
export function globalNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map((gradient) => reduceSum(square(gradient))).reduce(add));
}

/** Clamps every element of the gradients to [-maximum, maximum], as `torch.nn.utils.clip_grad_value_`. */
export function clipByValue(gradients: readonly Value[], maximum: number): Value[] {
  return gradients.map((gradient) => clip(gradient, -maximum, maximum));
}

/** Limits on all gradients of a step, before the optimizer gets them: elements are limited first, then the norm. */
export interface Clipping {
  /** The largest global norm, as for `clipByNorm`. Default: no limit. */
  readonly norm?: number | undefined;
  /** The largest absolute value of an element, as for `clipByValue`. Default: no limit. */
  readonly value?: number | undefined;
}

/** A transformation of all gradients of a step together. */
export type GradientTransform = (gradients: readonly Value[]) => readonly Value[];

/** Limits as a function of the gradients; a function is returned as it is. */
export function clipperOf(clip: Clipping | GradientTransform): GradientTransform {
  if (typeof clip === 'function') return clip;
  const { norm, value } = clip;
  return (gradients) => {
    const limited = value === undefined ? gradients : clipByValue(gradients, value);
    return norm === undefined ? limited : clipByNorm(limited, norm).gradients;
  };
}
