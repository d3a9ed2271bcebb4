import { roundHalfEven } from '../../../base/rounding.ts';
import { i64, numbersOf } from '../../../base/tensor.ts';
import { constant, constantTensor, type Value } from '../../../graph/index.ts';
import {
  abs,
  add,
  cast,
  div,
  equal,
  erf,
  exp,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  log,
  matmul,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reshape,
  sameShape,
  sign,
  sqrt,
  square,
  sub,
  swapLast,
  tanh,
  where,
} from '../../../ops/index.ts';
import { tensorOf } from '../constants.ts';
import type { Handler, Handlers, NodeCall } from '../node-call.ts';

const unary =
  (f: (x: Value) => Value): Handler =>
  (call) =>
    f(call.value(0));
const binary =
  (f: (a: Value, b: Value) => Value): Handler =>
  (call) =>
    f(call.value(0), call.value(1));
/** Any number of operands, two at a time. */
const variadic =
  (f: (a: Value, b: Value) => Value): Handler =>
  (call) =>
    call.inputs.map((_, i) => call.value(i)).reduce(f);

/** Operators that only shapes are computed with: the operands must be known, and nothing is differentiated. */
const known =
  (f: (...operands: number[]) => number): Handler =>
  (call) => {
    const operands = call.inputs.map((_, i) => numbersOf(call.tensor(i)));
    const longest = call.inputs.map((x) => x!).reduce((a, b) => (b.shape.length > a.shape.length ? b : a));
    const length = operands.reduce((most, list) => Math.max(most, list.length), 0);
    call.take(length);
    if (!operands.every((list) => list.length === length || list.length === 1)) call.fail('broadcasts constants');
    const numbers = Array.from({ length }, (_, i) => f(...operands.map((list) => list[list.length === 1 ? 0 : i]!)));
    const shape = longest.shape.reduce((size, d) => size * d, 1) === length ? longest.shape : [length];
    return constant(tensorOf(call.value(0).dtype, shape, numbers));
  };

/** x^b; the square and the root have simpler derivatives. */
function power(x: Value, exponent: Value): Value {
  const tensorOfExponent = constantTensor(exponent);
  const only = tensorOfExponent?.data.length === 1 ? Number(tensorOfExponent.data[0]) : undefined;
  if (x.dtype === 'f32' && only === 2) return square(x);
  if (x.dtype === 'f32' && only === 0.5) return sqrt(x);
  return pow(x, cast(exponent, x.dtype));
}

/** A·B with vectors as rows (on the left) and columns (on the right). */
function product(a: Value, b: Value): Value {
  if (a.shape.length > 1 && b.shape.length > 1) return matmul(a, b);
  const left = a.shape.length === 1 ? reshape(a, [1, -1]) : a;
  const right = b.shape.length === 1 ? reshape(b, [-1, 1]) : b;
  const y = matmul(left, right);
  const shape = [...y.shape];
  if (b.shape.length === 1) shape.splice(-1, 1);
  if (a.shape.length === 1) shape.splice(b.shape.length === 1 ? -1 : -2, 1);
  return reshape(y, shape);
}

/** Y = α·A'·B' + β·C. */
function gemm(call: NodeCall): Value {
  const alpha = call.float('alpha', 1);
  const beta = call.float('beta', 1);
  const scaled = (x: Value, factor: number) => (factor === 1 ? x : mul(x, factor));
  const a = call.int('transA', 0) ? swapLast(call.value(0)) : call.value(0);
  const b = call.int('transB', 0) ? swapLast(call.value(1)) : call.value(1);
  const y = scaled(matmul(a, b), alpha);
  if (!call.has(2)) return y;
  const sum = add(y, scaled(call.value(2), beta));
  return sameShape(sum.shape, y.shape) ? sum : call.fail(`adds [${call.value(2).shape}] to [${y.shape}]`);
}

/** Range from start to limit (exclusive) in steps of delta. */
function range(call: NodeCall): Value {
  const start = call.number(0);
  const limit = call.number(1);
  const delta = call.number(2);
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  if (!(length <= 2 ** 16)) call.fail(`has ${length} numbers`);
  call.take(length);
  const numbers = Array.from({ length }, (_, i) => start + i * delta);
  return constant(tensorOf(call.value(0).dtype, [length], numbers));
}

const none = constant(i64([], [0]));

export const arithmetic: Handlers = {
  Add: binary(add),
  Sub: binary(sub),
  Mul: binary(mul),
  Div: binary(div),
  Pow: binary(power),
  Neg: unary((x) => (x.dtype === 'i64' ? sub(none, x) : neg(x))),
  Abs: unary((x) => (x.dtype === 'i64' ? maximum(x, sub(none, x)) : abs(x))),
  Sqrt: unary(sqrt),
  Reciprocal: unary((x) => div(1, x)),
  Exp: unary(exp),
  Log: unary(log),
  Erf: unary(erf),
  Tanh: unary(tanh),
  Sign: unary(sign),
  Sum: variadic(add),
  Min: variadic(minimum),
  Max: variadic(maximum),
  Mean: (call) => mul(call.inputs.map((_, i) => call.value(i)).reduce(add), 1 / call.inputs.length),
  MatMul: binary(product),
  Gemm: gemm,
  Equal: binary((a, b) => equal(comparable(a), comparable(b))),
  Greater: binary(greater),
  GreaterOrEqual: binary(greaterOrEqual),
  Less: binary(less),
  LessOrEqual: binary(lessOrEqual),
  Where: (call) => where(call.value(0), call.value(1), call.value(2)),
  Not: unary((x) => equal(cast(x, 'i64'), none)),
  And: binary((a, b) => greater(mul(cast(a, 'i64'), cast(b, 'i64')), none)),
  Or: binary((a, b) => greater(add(cast(a, 'i64'), cast(b, 'i64')), none)),
  Xor: binary((a, b) => equal(cast(equal(comparable(a), comparable(b)), 'i64'), none)),
  Floor: known(Math.floor),
  Ceil: known(Math.ceil),
  Round: known(roundHalfEven),
  // The sign is the divisor's, as in Python; with `fmod` the dividend's, as in C.
  Mod: (call) => known((a, b) => (call.int('fmod', 0) ? a % b : a - b * Math.floor(a / b)))(call),
  Range: range,
};

/** Truth values compare as integers. */
function comparable(x: Value): Value {
  return x.dtype === 'bool' ? cast(x, 'i64') : x;
}
