import { type Shape, sizeOf } from '../../../base/tensor.ts';
import type { Value } from '../../../graph/index.ts';
import { reshape, sameShape } from '../../../ops/index.ts';
import type { NodeCall, ReshapeInFile } from '../node-call.ts';

/** A target shape in numbers: 0 stands for the input's dimension, -1 for what is left. */
export function resolveTarget(from: Shape, target: readonly number[], allowZero: boolean): Shape {
  const copied = target.map((d, i) => (d === 0 && !allowZero ? (from[i] ?? 0) : d));
  const known = copied.reduce((product, d) => (d === -1 ? product : product * d), 1);
  return copied.map((d) => (d === -1 ? sizeOf(from) / known : d));
}

/**
 * A file that was exported for one batch size has it written into its shapes: [1, 12, 64] where the batch of one has
 * 12 heads. What the file means for other batches follows from what it does in its own: if `from` differs from the
 * input's shape in one axis only, that is the batch axis, and in row-major order the axis of the result with as many
 * elements before it grows by the same factor. Null where there is no such axis.
 */
export function inOtherBatch({ from, to }: ReshapeInFile, shape: Shape): Shape | null {
  const differing = shape.flatMap((d, axis) => (d === from[axis] ? [] : [axis]));
  const [axis] = differing;
  if (axis === undefined || differing.length !== 1 || shape.length !== from.length) return null;
  const before = sizeOf(from.slice(0, axis));
  for (const [place, d] of to.entries()) {
    const grown = (d * shape[axis]!) / from[axis]!;
    if (sizeOf(to.slice(0, place)) === before && Number.isInteger(grown)) return to.with(place, grown);
  }
  return null;
}

/** Reshape. A target that the file computes from the batch size is taken as it is; one that it merely states is adapted. */
export function reshapeFrom(call: NodeCall): Value {
  const x = call.value(0);
  const target = call.integers(1);
  const literal = resolveTarget(x.shape, target, call.int('allowzero', 0) === 1);
  const inFile = call.reshapeInFile;
  const stated = inFile !== undefined && sameShape(inFile.target, target) && !sameShape(inFile.from, x.shape);
  const shape = (stated && inOtherBatch(inFile, x.shape)) || literal;
  if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    call.fail(`reshapes [${x.shape}] to [${target}], which does not fit`);
  }
  return reshape(x, shape);
}
