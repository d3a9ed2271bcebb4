import { ShapeError } from '../base/errors.ts';
import { reachable, typeOf, type Value } from './value.ts';

/**
 * Infers every type again and compares it with the graph's. Run after a transform: a rule that builds a value by hand,
 * or a primitive whose shape rule depends on anything but its inputs, is found here.
 * @throws ShapeError at the first value that disagrees.
 */
export function typecheck(outputs: Iterable<Value>): void {
  for (const value of reachable(outputs)) {
    const expected = typeOf(value.op.infer(value.inputs, value.attributes));
    if (expected !== typeOf(value)) {
      throw new ShapeError({ op: value.op.name, expected, received: typeOf(value) });
    }
  }
}
