import { constant, type Value } from '../../../graph/index.ts';
import { hardSwish, softplus } from '../../../nn/index.ts';
import {
  abs,
  add,
  clip,
  div,
  exp,
  gelu,
  greater,
  logSoftmax,
  maximum,
  minimum,
  mul,
  relu,
  reshape,
  sigmoid,
  softmax,
  sub,
  tanh,
  where,
} from '../../../ops/index.ts';
import { tensorOf } from '../constants.ts';
import type { Handler, Handlers, NodeCall } from '../node-call.ts';

/**
 * max(x, 0) + f(min(x, 0)): f never gets a number on which it would overflow, and where x > 0 no gradient flows through
 * it.
 */
const below = (x: Value, f: (negative: Value) => Value) => add(relu(x), f(minimum(x, 0)));

/** α·(exp(x/γ) - 1). */
const exponential =
  (alpha: number, gamma = 1) =>
  (x: Value) =>
    mul(sub(exp(mul(x, 1 / gamma)), 1), alpha);

/** x·Φ(x) with Φ approximated by tanh(√(2/π)·(x + 0.044715·x³)) (Hendrycks & Gimpel 2016). */
function geluTanh(x: Value): Value {
  const inner = mul(x, add(mul(mul(x, x), 0.044715), 1));
  return mul(mul(x, 0.5), add(tanh(mul(inner, Math.sqrt(2 / Math.PI))), 1));
}

/** The clip of integers: of sizes that padding is computed from. */
function clippedInteger(x: Value, low: number, high: number): Value {
  const bound = (value: number) => constant(tensorOf('i64', [], [value]));
  return minimum(maximum(x, bound(low)), bound(high));
}

/** The bounds were attributes before opset 11. Without one, there is none. */
function clipped(call: NodeCall): Value {
  const low = call.has(1) ? call.number(1) : call.float('min', Number.NEGATIVE_INFINITY);
  const high = call.has(2) ? call.number(2) : call.float('max', Number.POSITIVE_INFINITY);
  const x = call.value(0);
  if (x.dtype === 'i64') return clippedInteger(x, low, high);
  const infinite = (bound: number) => !Number.isFinite(Math.fround(bound)) || Math.abs(bound) > 3e38;
  if (infinite(low) && infinite(high)) return x;
  if (infinite(high)) return low === 0 ? relu(x) : maximum(x, low);
  return infinite(low) ? minimum(x, high) : clip(x, low, high);
}

/** Before opset 13 everything from the axis on counted as one axis. */
function overAxis(f: (x: Value, axis: number) => Value): Handler {
  return (call) => {
    const x = call.value(0);
    const axis = call.axis(call.int('axis', call.opset < 13 ? 1 : -1), x.shape.length);
    if (call.opset >= 13 || axis === x.shape.length - 1) return f(x, axis);
    const rows = reshape(x, [x.shape.slice(0, axis).reduce((size, d) => size * d, 1), -1]);
    return reshape(f(rows, -1), x.shape);
  };
}

/** An activation of the input and a call's attributes. */
const of =
  (f: (x: Value, call: NodeCall) => Value): Handler =>
  (call) =>
    f(call.value(0), call);

export const activation: Handlers = {
  Relu: of(relu),
  Sigmoid: of(sigmoid),
  LeakyRelu: of((x, call) => below(x, (negative) => mul(negative, call.float('alpha', 0.01)))),
  PRelu: of((x, call) => below(x, (negative) => mul(negative, call.value(1)))),
  ThresholdedRelu: of((x, call) => where(greater(x, call.float('alpha', 1)), x, 0)),
  Elu: of((x, call) => below(x, exponential(call.float('alpha', 1)))),
  Celu: of((x, call) => below(x, exponential(call.float('alpha', 1), call.float('alpha', 1)))),
  Selu: of((x, call) => {
    const alpha = call.float('alpha', 1.6732632423543772);
    return mul(below(x, exponential(alpha)), call.float('gamma', 1.0507009873554805));
  }),
  Clip: clipped,
  HardSigmoid: of((x, call) => clip(add(mul(x, call.float('alpha', 0.2)), call.float('beta', 0.5)), 0, 1)),
  HardSwish: of(hardSwish),
  Softplus: of(softplus),
  Softsign: of((x) => div(x, add(abs(x), 1))),
  Mish: of((x) => mul(x, tanh(softplus(x)))),
  Gelu: of((x, call) => (call.text('approximate', 'none') === 'tanh' ? geluTanh(x) : gelu(x))),
  Softmax: overAxis(softmax),
  LogSoftmax: overAxis(logSoftmax),
};
