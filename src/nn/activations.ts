import type { Value } from '../graph/index.ts';
import { clip, hardSigmoid, mul, sigmoid } from '../ops/index.ts';

/** y = min(max(x, 0), 6). */
export function relu6(x: Value): Value {
  return clip(x, 0, 6);
}

/** y = x · hardSigmoid(x). */
export function hardSwish(x: Value): Value {
  return mul(x, hardSigmoid(x));
}

/** y = x · sigmoid(x), also called swish (Ramachandran et al. 2017). */
export function silu(x: Value): Value {
  return mul(x, sigmoid(x));
}
