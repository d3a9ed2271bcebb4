import { type Shape, sizeOf } from '../base/tensor.ts';
import type { Attributes, Numbers, TensorType } from '../graph/index.ts';

/*
 * Primitives on plain numbers, for values that depend only on constants: an ONNX file computes its shapes as it runs,
 * and here they are needed while the graph is built. Written to be short and right; large tensors are the runtime's.
 */

/** Computes a primitive from the numbers of its inputs, in row-major order. */
export type Evaluate<A extends Attributes> = (inputs: readonly Numbers[], y: TensorType, attributes: A) => number[];

/** The strides of a row-major array: the distance between neighbours along each axis, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides that read a tensor as if it had been broadcast to a shape: 0 along the axes where it is repeated. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const at = axis - (to.length - from.length);
    return at < 0 || from[at] === 1 ? 0 : own[at]!;
  });
}

/** A strided view: the offset of its first element, and how far apart neighbours along each axis lie. */
export interface View {
  readonly start: number;
  readonly strides: readonly number[];
}

/** Calls `visit` for every index of a shape in row-major order, with the offset of it in each view. */
function walk(shape: Shape, views: readonly View[], visit: (offsets: readonly number[], i: number) => void): void {
  // An axis of length 1 moves nothing, but would have to be carried over at every step.
  const axes = shape.flatMap((d, axis) => (d === 1 ? [] : [axis]));
  const index = axes.map(() => 0);
  const offsets = views.map(({ start }) => start);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(offsets, i);
    for (let k = axes.length - 1; k >= 0; k--) {
      const axis = axes[k]!;
      const isLast = ++index[k]! === shape[axis];
      const steps = isLast ? 1 - shape[axis]! : 1;
      for (let v = 0; v < views.length; v++) offsets[v]! += steps * views[v]!.strides[axis]!;
      if (!isLast) break;
      index[k] = 0;
    }
  }
}

/** The elements of a view, as a tensor of a shape. */
export function readView(shape: Shape, { numbers }: Numbers, view: View): number[] {
  const results = new Array<number>(sizeOf(shape));
  walk(shape, [view], ([offset], i) => {
    results[i] = numbers[offset!]!;
  });
  return results;
}

/** x repeated to a shape. */
export function readBroadcast(shape: Shape, x: Numbers): number[] {
  return readView(shape, x, { start: 0, strides: broadcastStrides(x.shape, shape) });
}

/** The same numbers, under whatever shape. */
export const sameNumbers: Evaluate<Attributes> = ([x]) => [...x!.numbers];

/** A function of one element of each input; inputs broadcast. */
export function pointwise(f: (...elements: number[]) => number): Evaluate<Attributes> {
  return (inputs, { shape }) => {
    const results = new Array<number>(sizeOf(shape));
    const views = inputs.map((x) => ({ start: 0, strides: broadcastStrides(x.shape, shape) }));
    walk(shape, views, (offsets, i) => {
      results[i] = f(...inputs.map((x, k) => x.numbers[offsets[k]!]!));
    });
    return results;
  };
}

/** Combines the elements along some axes, one by one, beginning with `start`. */
export function reduceWith(
  start: number,
  combine: (a: number, b: number) => number,
): Evaluate<{ readonly axes: readonly number[]; readonly keepDims: boolean }> {
  return ([x], { shape }, { axes }) => {
    const results = new Array<number>(sizeOf(shape)).fill(start);
    const kept = stridesOf(x!.shape.map((d, axis) => (axes.includes(axis) ? 1 : d)));
    const strides = kept.map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    walk(x!.shape, [{ start: 0, strides }], ([offset], i) => {
      results[offset!] = combine(results[offset!]!, x!.numbers[i]!);
    });
    return results;
  };
}
