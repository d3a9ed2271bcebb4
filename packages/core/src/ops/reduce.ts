import { sizeOf } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import { atRuntime, defineOp, expectDType, normaliseAxis, onnx, ownBuffer } from './define.ts';
import { cast, div, equal, exp, log, mul, stopGradient, sub } from './elementwise.ts';
import { reduceWith } from './evaluate.ts';
import { free, perInput, perOutput } from './flops.ts';
import { broadcastTo, reshape } from './shape.ts';

type ReduceAttributes = { axes: readonly number[]; keepDims: boolean };

const reducedShape = (x: Value, { axes, keepDims }: ReduceAttributes) =>
  x.shape.flatMap((d, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [d]));

/** A reduction's result (or its cotangent) with its axes back in place, as 1. */
const withAxes = (y: Value, x: Value, axes: readonly number[]) =>
  reshape(
    y,
    x.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );

const reduceSumOp = defineOp<ReduceAttributes>('ReduceSum', {
  infer: ([x], attributes) => ({ dtype: x!.dtype, shape: reducedShape(x!, attributes) }),
  vjp: (dy, [x], _y, { axes }) => [broadcastTo(withAxes(dy, x!, axes), x!.shape)],
  lowerings: {
    onnx: {
      lower: (b, [x], _value, { axes, keepDims }) =>
        b.emit('ReduceSum', [x!, b.integers(axes)], { keepdims: Number(keepDims) }),
    },
  },
  flops: perInput(1),
  memory: ownBuffer,
  evaluate: reduceWith(0, (a, b) => a + b),
});

// At a tie the gradient is shared evenly, as in PyTorch's amax.
const reduceMaxOp = defineOp<ReduceAttributes>('ReduceMax', {
  infer: ([x], attributes) => {
    expectDType('reduceMax', x!, 'f32', 'f64');
    return { dtype: x!.dtype, shape: reducedShape(x!, attributes) };
  },
  vjp: (dy, [x], y, { axes }) => {
    const mask = cast(equal(x!, withAxes(y, x!, axes)), x!.dtype);
    return [mul(mask, div(withAxes(dy, x!, axes), reduceSum(mask, axes, true)))];
  },
  lowerings: {
    onnx: {
      lower: (b, [x], _value, { axes, keepDims }) =>
        b.emit('ReduceMax', [x!, b.integers(axes)], { keepdims: Number(keepDims) }),
    },
  },
  flops: perInput(1),
  memory: ownBuffer,
  evaluate: reduceWith(Number.NEGATIVE_INFINITY, Math.max),
});

const everyAxis = (x: Value) => x.shape.map((_, i) => i);

/* @__NO_SIDE_EFFECTS__ */
function reduction(name: string, op: typeof reduceSumOp) {
  return (x: Value, axes: readonly number[] = everyAxis(x), keepDims = false): Value => {
    const normalised = axes.map((axis) => normaliseAxis(name, axis, x.shape.length)).sort((a, b) => a - b);
    return normalised.length === 0 ? x : op([x], { axes: normalised, keepDims });
  };
}

/** Σ x over some axes (all, by default). dx = dy, broadcast. */
export const reduceSum = reduction('reduceSum', reduceSumOp);

/** The largest element along some axes (all, by default). */
export const reduceMax = reduction('reduceMax', reduceMaxOp);

/** The mean over some axes (all, by default). */
export function reduceMean(x: Value, axes: readonly number[] = everyAxis(x), keepDims = false): Value {
  const sum = reduceSum(x, axes, keepDims);
  return mul(sum, sizeOf(sum.shape) / sizeOf(x.shape));
}

const argMaxOp = defineOp<{ axis: number }>('ArgMax', {
  infer: ([x], { axis }) => ({ dtype: 'i64', shape: x!.shape.toSpliced(axis, 1) }),
  lowerings: { onnx: { lower: (b, [x], _value, { axis }) => b.emit('ArgMax', [x!], { axis, keepdims: 0 }) } },
  flops: free,
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** The index (i64) of the largest element along an axis, the first at a tie. Not differentiable. */
export function argMax(x: Value, axis: number): Value {
  return argMaxOp([x], { axis: normaliseAxis('argMax', axis, x.shape.length) });
}

/** log(exp(x) / Σ exp(x)) along an axis. The maximum is subtracted first, which changes no derivative. */
export function logSoftmax(x: Value, axis = -1): Value {
  const shifted = sub(x, stopGradient(reduceMax(x, [axis], true)));
  return sub(shifted, log(reduceSum(exp(shifted), [axis], true)));
}

const softmaxOp = defineOp<{ axis: number }>('Softmax', {
  infer: ([x]) => {
    expectDType('softmax', x!, 'f32', 'f64');
    return { dtype: x!.dtype, shape: x!.shape };
  },
  vjp: (dy, _inputs, y, { axis }) => {
    const product = mul(dy, y);
    return [sub(product, mul(y, reduceSum(product, [axis], true)))];
  },
  lowerings: { onnx: onnx('Softmax', ({ axis }) => ({ axis })) },
  flops: perOutput(5), // max, difference, exp, sum, quotient
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = exp(x) / Σ exp(x) along an axis. dx = y · (dy - Σ dy·y). A composition takes twice as many passes in a step. */
export function softmax(x: Value, axis = -1): Value {
  return softmaxOp([x], { axis: normaliseAxis('softmax', axis, x.shape.length) });
}
