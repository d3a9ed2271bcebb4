import type { Value } from '../graph/index.ts';
import type { Scope } from './scope.ts';

/** One step of a network: a function of where its parameters stand and of its input. */
export type Layer = (s: Scope, x: Value) => Value;

/**
 * Layers one after the other, each at its index, as PyTorch's `Sequential`. Every layer's output is an endpoint; the layers
 * of a unit are one block, under the name of its first.
 */
export function sequential(s: Scope, x: Value, units: readonly (readonly Layer[])[]): Value {
  let y = x;
  let index = 0;
  for (const unit of units) {
    const outputs = unit.map((layer) => {
      const at = s.at(index++);
      y = layer(at, y);
      return [at.path, y] as const;
    });
    for (const [path, value] of outputs) s.endpoint(path, value);
  }
  return y;
}
