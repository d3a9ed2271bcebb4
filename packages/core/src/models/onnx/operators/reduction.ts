import { numbersOf, sizeOf } from '../../../base/tensor.ts';
import { constant, type Value } from '../../../graph/index.ts';
import { abs, exp, log, neg, reduceMax, reduceMean, reduceSum, reshape, sqrt, square } from '../../../ops/index.ts';
import { tensorOf } from '../constants.ts';
import type { Handler, Handlers, NodeCall } from '../node-call.ts';

type Reduce = (x: Value, axes: readonly number[], keepDims: boolean) => Value;

/** The axes were an attribute before opset 18 (13 for sums). No axes mean all, or none where the node says so. */
function over(reduce: Reduce): Handler {
  return (call) => {
    const x = call.value(0);
    const axes = call.axes(1, x.shape.length) ?? [];
    if (axes.length === 0 && call.int('noop_with_empty_axes', 0) === 1) return x;
    const chosen = axes.length > 0 ? [...new Set(axes)] : x.shape.map((_, axis) => axis);
    return reduce(x, chosen, call.int('keepdims', 1) === 1);
  };
}

/** The product of a shape: no network multiplies activations up. */
function product(call: NodeCall): Value {
  const x = call.tensor(0);
  const axes = call.axes(1, x.shape.length) ?? x.shape.map((_, axis) => axis);
  if (axes.length !== x.shape.length) call.fail('multiplies along some axes only, which is not supported');
  const all = constant(tensorOf(x.dtype, [], [numbersOf(x).reduce((a, b) => a * b, 1)]));
  return call.int('keepdims', 1) === 1
    ? reshape(
        all,
        x.shape.map(() => 1),
      )
    : all;
}

/** The mean; x itself where it has no elements. */
const mean: Reduce = (x, axes, keepDims) => (sizeOf(x.shape) === 0 ? x : reduceMean(x, axes, keepDims));

export const reduction: Handlers = {
  ReduceMean: over(mean),
  ReduceSum: over(reduceSum),
  ReduceMax: over(reduceMax),
  ReduceMin: over((x, axes, keepDims) => neg(reduceMax(neg(x), axes, keepDims))),
  ReduceProd: product,
  ReduceL1: over((x, axes, keepDims) => reduceSum(abs(x), axes, keepDims)),
  ReduceL2: over((x, axes, keepDims) => sqrt(reduceSum(square(x), axes, keepDims))),
  ReduceSumSquare: over((x, axes, keepDims) => reduceSum(square(x), axes, keepDims)),
  ReduceLogSum: over((x, axes, keepDims) => log(reduceSum(x, axes, keepDims))),
  ReduceLogSumExp: over((x, axes, keepDims) => log(reduceSum(exp(x), axes, keepDims))),
};
