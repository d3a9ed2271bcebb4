import { sizeOf } from '../base/tensor.ts';
import { originals, reachable, type Value } from '../graph/index.ts';

/*
 * How floating-point operations are counted: a multiply-add is two, any other arithmetic on an element one; what only
 * moves or compares numbers is free, and a primitive that stands for a composition counts as that. Each op's file says
 * its count.
 */

/** Moves or compares numbers, and computes nothing. */
export const free = () => 0;

/** A fixed number of operations per element of the result. */
export const perOutput = (operations: number) => (y: Value) => operations * sizeOf(y.shape);

/** A fixed number of operations per element of the first input. */
export const perInput = (operations: number) => (y: Value) => operations * sizeOf(y.inputs[0]!.shape);

/** One operation for each element of the result. */
export const elementwise = perOutput(1);

/** Floating-point operations of a graph. */
export interface Flops {
  readonly total: number;
  /** FLOPs by the name of the primitive, for those that compute something. */
  readonly byOp: Readonly<Record<string, number>>;
  /** The number of nodes by the name of the primitive, for all of them. */
  readonly nodes: Readonly<Record<string, number>>;
}

/** The operations that it takes to compute these outputs once. Equal nodes count once, as they are written once. */
export function countFlops(outputs: Iterable<Value>): Flops {
  const byOp: Record<string, number> = {};
  const nodes: Record<string, number> = {};
  for (const value of new Set(originals(reachable(outputs)).values())) {
    const { name } = value.op;
    const operations = value.op.flops(value);
    nodes[name] = (nodes[name] ?? 0) + 1;
    if (operations > 0) byOp[name] = (byOp[name] ?? 0) + operations;
  }
  return { total: Object.values(byOp).reduce((sum, operations) => sum + operations, 0), byOp, nodes };
}
