import type { Value } from '../graph/index.ts';
import { add, clip, mul, sigmoid } from '../ops/index.ts';

/** y = min(max(x, 0), 6). */
export function relu6(x: Value): Value {
  return clip(x, 0, 6);
}

/** y = min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, section 5.2). */
export function hardSigmoid(x: Value): Value {
  return mul(clip(add(x, 3), 0, 6), 1 / 6);
}

/** y = x · hardSigmoid(x). */
export function hardSwish(x: Value): Value {
  return mul(x, hardSigmoid(x));
}

/** y = x · sigmoid(x), also called swish (Ramachandran et al. 2017). */
export function silu(x: Value): Value {
  return mul(x, sigmoid(x));
}
