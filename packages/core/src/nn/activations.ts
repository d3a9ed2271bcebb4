import type { Value } from '../graph/index.ts';
import { abs, add, clip, exp, log, maximum, mul, neg } from '../ops/index.ts';

/** y = min(max(x, 0), 6). */
export function relu6(x: Value): Value {
  return clip(x, 0, 6);
}

/** y = x where x ≥ 0, else slope · x, for a slope of at most 1: max(x, slope · x) (Maas et al. 2013). */
export function leakyRelu(x: Value, slope: number): Value {
  return maximum(x, mul(x, slope));
}

export { hardSwish, silu } from '../ops/index.ts';

/**
 * y = log(1 + eˣ), as ½·(x + |x|) + log(1 + e^-|x|), which overflows nowhere. dx = dy · sigmoid(x), at 0 too, where
 * max(x, 0) in place of ½·(x + |x|) would have a slope of 0 or 1.
 */
export function softplus(x: Value): Value {
  return add(mul(add(x, abs(x)), 0.5), log(add(1, exp(neg(abs(x))))));
}
