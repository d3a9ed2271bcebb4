import type { Value } from '../graph/index.ts';
import { clip, hardSigmoid, maximum, mul, sigmoid } from '../ops/index.ts';

/** y = min(max(x, 0), 6). */
export function relu6(x: Value): Value {
  return clip(x, 0, 6);
}

/** y = x where x ≥ 0, else slope · x, for a slope of at most 1: max(x, slope · x) (Maas et al. 2013). */
export function leakyRelu(x: Value, slope: number): Value {
  return maximum(x, mul(x, slope));
}

/** y = x · hardSigmoid(x). */
export function hardSwish(x: Value): Value {
  return mul(x, hardSigmoid(x));
}

/** y = x · sigmoid(x), also called swish (Ramachandran et al. 2017). */
export function silu(x: Value): Value {
  return mul(x, sigmoid(x));
}
