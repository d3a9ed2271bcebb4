import type { Value } from '../graph/index.ts';
import type { Scope } from './scope.ts';

/** A layer as a function of its scope, which has its parameters, and its input. */
export type Layer = (s: Scope, x: Value) => Value;

/**
 * Layers one after the other, each at its index, as PyTorch's `Sequential`. Every layer's output is an endpoint under
 * its path. A list of layers is a unit: its layers are one block, under the name of the first, and a network is cut
 * behind it or not at all; not where it ends with something random, a dropout, which belongs to training.
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
    let endsRandom = false;
    // All variables of the unit are asked for before its first endpoint is recorded, which makes them one block.
    const outputs = layer.map((one) => {
      const at = s.at(index++);
      const before = s.masks;
      y = one(at, y);
      endsRandom = s.masks > before;
      return { path: at.path, value: y };
    });
    for (const [i, { path, value }] of outputs.entries()) {
      const passedOn = s.endpoint(path, value);
      if (i === outputs.length - 1 && !endsRandom) y = passedOn;
    }
  }
  return y;
}
