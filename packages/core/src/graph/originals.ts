import type { Tensor } from '../base/tensor.ts';
import { constantTensor, type Value } from './value.ts';

/**
 * Maps each value to the first one that computes the same from the same inputs, so that equal nodes are written once.
 * Each value comes after its inputs.
 */
export function originals(values: readonly Value[]): ReadonlyMap<Value, Value> {
  const found = new Map<Value, Value>();
  const known = new Map<string, Value>();
  const numbers = new Map<object, number>();
  const numberOf = (thing: object) => numbers.get(thing) ?? numbers.set(thing, numbers.size).get(thing)!;
  for (const value of values) {
    const tensor = constantTensor(value);
    const attributes = tensor ? [tensor.dtype, tensor.shape, contentOf(tensor, numberOf)] : value.attributes;
    const operands = value.inputs.map((operand) => numberOf(found.get(operand)!));
    const key = JSON.stringify([value.op.name, attributes, operands]);
    const original = known.get(key) ?? value;
    known.set(key, original);
    found.set(value, original);
  }
  return found;
}

/** Small constants are compared by their numbers, large ones by identity. */
function contentOf({ data }: Tensor, numberOf: (thing: object) => number): string | number {
  return data.length <= 16 ? data.join() : numberOf(data);
}
