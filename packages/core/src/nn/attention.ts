import type { Value } from '../graph/index.ts';
import { add, gelu, matmul, mul, reshape, sliceAxis, softmax, swapLast, transpose } from '../ops/index.ts';
import { filled, glorotUniform } from './initialisers.ts';
import { type LinearOptions, linear } from './layers.ts';
import type { Scope } from './scope.ts';

/**
 * softmax(Q · Kᵀ / √d + bias) · V in several heads side by side (Vaswani et al. 2017, section 3.2).
 * `projections` (…, t, 3c) hold Q, K and V in this order, each its heads one after the other; d = c / heads.
 * `bias` broadcasts to (…, heads, t, t). → (…, t, c).
 */
export function attend(projections: Value, heads: number, bias?: Value): Value {
  const [tokens, width] = projections.shape.slice(-2) as [number, number];
  const batch = projections.shape.slice(0, -2);
  const rank = batch.length;
  const depth = width / 3 / heads;
  const headFirst = [...batch.keys(), rank + 1, rank, rank + 2]; // (…, t, heads, d) ↔ (…, heads, t, d)
  const [q, k, v] = [0, 1, 2].map((part) => {
    const columns = sliceAxis(projections, -1, (part * width) / 3, ((part + 1) * width) / 3);
    return transpose(reshape(columns, [...batch, tokens, heads, depth]), headFirst);
  }) as [Value, Value, Value];
  const scores = matmul(mul(q, depth ** -0.5), swapLast(k));
  const mixed = matmul(softmax(bias ? add(scores, bias) : scores), v);
  return reshape(transpose(mixed, headFirst), [...batch, tokens, width / 3]);
}

/**
 * Self-attention under the names, and with the first values, of `torch.nn.MultiheadAttention`. (n, t, c) → (n, t, c).
 */
export function selfAttention(s: Scope, x: Value, { heads }: { readonly heads: number }): Value {
  const width = x.shape.at(-1)!;
  const weight = s.param('in_proj_weight', [3 * width, width], glorotUniform);
  const projections = add(matmul(x, swapLast(weight)), s.param('in_proj_bias', [3 * width], filled(0)));
  return linear(s.at('out_proj'), attend(projections, heads), { features: width, biasInitialiser: filled(0) });
}

export interface FeedForwardOptions extends Pick<LinearOptions, 'initialiser' | 'biasInitialiser'> {
  /** Features between the two layers. */
  readonly hidden: number;
}

/**
 * Two linear layers and a GELU between them, for each token by itself, named as torchvision's `MLP`. (…, c) → (…, c).
 */
export function feedForward(s: Scope, x: Value, { hidden, ...initialisers }: FeedForwardOptions): Value {
  const wide = gelu(linear(s.at(0), x, { features: hidden, ...initialisers }));
  return linear(s.at(3), wide, { features: x.shape.at(-1)!, ...initialisers });
}
