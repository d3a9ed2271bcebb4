import { type Shape, sizeOf } from '../../../base/tensor.ts';
import type { Value } from '../../../graph/index.ts';
import { reshape } from '../../../ops/index.ts';
import type { NodeCall } from '../node-call.ts';

/** A target shape in numbers: 0 stands for the input's dimension, -1 for what is left. */
function resolveTarget(from: Shape, target: readonly number[], allowZero: boolean): Shape {
  const copied = target.map((d, i) => (d === 0 && !allowZero ? (from[i] ?? 0) : d));
  const known = copied.reduce((product, d) => (d === -1 ? product : product * d), 1);
  return copied.map((d) => (d === -1 ? sizeOf(from) / known : d));
}

/** Reshape. In a batch that the file was not made for, a shape that it merely states has been adapted. */
export function reshapeFrom(call: NodeCall): Value {
  const x = call.value(0);
  const target = call.integers(1);
  const shape = call.adaptedShape ?? resolveTarget(x.shape, target, call.int('allowzero', 0) === 1);
  if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    call.fail(`reshapes [${x.shape}] to [${target}], which does not fit`);
  }
  return reshape(x, shape);
}
