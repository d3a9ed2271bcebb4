import type { Value } from '../graph/index.ts';
import type { Scope } from './scope.ts';

/** A layer as a function of its scope, which has its parameters, and its input. */
export type Layer = (s: Scope, x: Value) => Value;

/**
 * Layers one after the other, each at its index, as PyTorch's `Sequential`. Every layer's output is an endpoint under
 * its path. A list of layers is a unit: its layers are one block, under the name of the first, and a network is not cut
 * at their endpoints.
 */
export function sequential(s: Scope, x: Value, layers: readonly (Layer | readonly Layer[])[]): Value {
  let y = x;
  let index = 0;
  for (const layer of layers) {
    if (typeof layer === 'function') {
      const at = s.at(index++);
      y = s.endpoint(at.path, layer(at, y));
      continue;
    }
    // All variables of the unit are asked for before its first endpoint is recorded, which makes them one block.
    const outputs = layer.map((one) => {
      const at = s.at(index++);
      y = one(at, y);
      return { path: at.path, value: y };
    });
    for (const { path, value } of outputs) s.endpoint(path, value);
  }
  return y;
}
