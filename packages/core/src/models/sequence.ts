import type { Value } from '../graph/index.ts';
import type { Scope } from '../nn/index.ts';

export type Layer = (s: Scope, x: Value) => Value;

/** PyTorch's `Sequential`: layers under their numbers, one after the other. Each is an endpoint, under its path. */
export function sequence(s: Scope, x: Value, layers: readonly Layer[]): Value {
  return layers.reduce((value, layer, i) => {
    const at = s.at(i);
    return s.endpoint(at.path, layer(at, value));
  }, x);
}
