import { ShapeError } from '../base/errors.ts';
import { type DType, f32, sizeOf, tensor, zeros } from '../base/tensor.ts';
import { constant, dataType, type Memory, type TensorType, typeOf, type Value } from '../graph/index.ts';
import {
  alias,
  atRuntime,
  broadcastShapes,
  defineOp,
  expectDType,
  inPlace,
  type LoweringRule,
  type Operand,
  onnx,
  ownBuffer,
  toValue,
} from './define.ts';
import { pointwise, sameNumbers } from './evaluate.ts';
import { elementwise, free, perOutput } from './flops.ts';
import { beforeBroadcast, broadcastTo } from './shape.ts';

const floats: readonly DType[] = ['f32', 'f64'];

interface UnaryRule {
  readonly vjp: (dy: Value, x: Value, y: Value) => Value | null;
  /** f of one number, or `atRuntime`. */
  readonly evaluate: ((x: number) => number) | null;
  /** Default: one operation per element. */
  readonly flops?: (y: Value) => number;
  /** Default: may be computed in place. */
  readonly memory?: Memory;
  /** Default: the ONNX operator of the same name. */
  readonly lowering?: LoweringRule<Record<never, never>>;
}

/** y = f(x), element by element. */
/* @__NO_SIDE_EFFECTS__ */
function unary(name: string, rule: UnaryRule): (x: Operand) => Value {
  const { vjp, evaluate, flops = elementwise, memory = inPlace, lowering = onnx(name) } = rule;
  const op = defineOp(name, {
    infer: ([x]) => {
      expectDType(name, x!, ...floats);
      return { dtype: x!.dtype, shape: x!.shape };
    },
    vjp: (dy, [x], y) => [vjp(dy, x!, y)],
    lowerings: { onnx: lowering },
    flops,
    memory,
    evaluate: evaluate && pointwise(evaluate),
  });
  return (operand) => {
    const x = toValue(operand);
    return broadcastTo(op([beforeBroadcast(x)], {}), x.shape);
  };
}

function inferBinary(name: string, a: Value, b: Value): TensorType {
  if (a.dtype !== b.dtype) {
    const message = `operands have different types: ${typeOf(a)} and ${typeOf(b)}`;
    throw new ShapeError({ op: name, expected: a.dtype, received: b.dtype, message });
  }
  return { dtype: a.dtype, shape: broadcastShapes(name, a, b) };
}

/**
 * f(broadcast(a), b) = broadcast(f(a, b)): an explicit broadcast is moved behind the operator, which broadcasts by
 * itself. The cotangent of a mean, say, then stays one number per channel for as long as it can.
 */
function behindBroadcast(op: string, left: Operand, right: Operand, apply: (a: Value, b: Value) => Value): Value {
  const a = toValue(left);
  const b = toValue(right);
  return broadcastTo(apply(beforeBroadcast(a), beforeBroadcast(b)), broadcastShapes(op, a, b));
}

/**
 * The ONNX operator of two operands. Where the result ends in axes of 1, as the weight of a 1x1 convolution does, ORT
 * takes a scalar to each number by a call of its own, which lasts ten times as long. With as many axes as the result has
 * it is taken to all at once.
 */
const broadcasting = (operator: string): LoweringRule<Record<never, never>> => ({
  lower: (b, names, { inputs, shape }) => {
    const isSlow = shape.at(-1) === 1 && sizeOf(shape) > 1024;
    const ones = () => b.integers(shape.map(() => 1));
    const operands = names.map((name, i) =>
      isSlow && inputs[i]!.shape.length === 0 ? b.emit('Reshape', [name, ones()]) : name,
    );
    return b.emit(operator, operands);
  },
});

interface BinaryRule {
  readonly vjp: (dy: Value, a: Value, b: Value, y: Value) => readonly [Value | null, Value | null];
  /** f of two numbers. An integer result is truncated. */
  readonly evaluate: (a: number, b: number) => number;
  /** Default: may be computed in place. */
  readonly memory?: Memory;
  /** Default: the ONNX operator of the same name. */
  readonly operator?: string;
}

/** y = f(a, b), element by element, broadcast as in NumPy. */
/* @__NO_SIDE_EFFECTS__ */
function binary(name: string, rule: BinaryRule): (a: Operand, b: Operand) => Value {
  const { vjp, evaluate, memory = inPlace, operator = name } = rule;
  const op = defineOp(name, {
    infer: ([a, b]) => inferBinary(name, a!, b!),
    vjp: (dy, [a, b], y) => vjp(dy, a!, b!, y),
    lowerings: { onnx: broadcasting(operator) },
    flops: elementwise,
    memory,
    evaluate: pointwise(evaluate),
  });
  return (left, right) => behindBroadcast(name, left, right, (a, b) => op([a, b], {}));
}

/* @__NO_SIDE_EFFECTS__ */
function comparison(name: string, holds: (a: number, b: number) => boolean): (a: Operand, b: Operand) => Value {
  const op = defineOp(name, {
    infer: ([a, b]) => ({ ...inferBinary(name, a!, b!), dtype: 'bool' }),
    lowerings: { onnx: broadcasting(name) },
    flops: free,
    memory: ownBuffer,
    evaluate: pointwise((a, b) => Number(holds(a!, b!))),
  });
  return (left, right) => behindBroadcast(name, left, right, (a, b) => op([a, b], {}));
}

/** y = a + b. da = dy, db = dy. */
export const add = binary('Add', {
  vjp: (dy) => [dy, dy],
  evaluate: (a, b) => a + b,
});

/** y = a - b. da = dy, db = -dy. */
export const sub = binary('Sub', {
  vjp: (dy) => [dy, neg(dy)],
  evaluate: (a, b) => a - b,
});

/** y = a · b. da = dy · b, db = dy · a. */
export const mul = binary('Mul', {
  vjp: (dy, a, b) => [mul(dy, b), mul(dy, a)],
  evaluate: (a, b) => a * b,
});

/** y = a / b. da = dy / b, db = -dy · y / b. */
export const div = binary('Div', {
  vjp: (dy, _a, b, y) => [div(dy, b), neg(div(mul(dy, y), b))],
  evaluate: (a, b) => a / b,
});

/** y = a ^ b, a > 0 where b needs a gradient. da = dy · b · a^(b-1), db = dy · y · log a. */
export const pow = binary('Pow', {
  vjp: (dy, a, b, y) => [mul(dy, mul(b, pow(a, sub(b, 1)))), mul(dy, mul(y, log(a)))],
  memory: ownBuffer,
  evaluate: (a, b) => a ** b,
});

/** The smaller of two; at a tie the gradient goes to a. */
export const minimum = binary('Minimum', {
  vjp: (dy, a, b) => route(dy, lessOrEqual(a, b)),
  evaluate: Math.min,
  operator: 'Min',
});

/** The larger of two; at a tie the gradient goes to a. */
export const maximum = binary('Maximum', {
  vjp: (dy, a, b) => route(dy, greaterOrEqual(a, b)),
  evaluate: Math.max,
  operator: 'Max',
});

function route(dy: Value, toFirst: Value): [Value, Value] {
  return [where(toFirst, dy, 0), where(toFirst, 0, dy)];
}

/** y = -x. dx = -dy. */
export const neg = unary('Neg', {
  vjp: (dy) => neg(dy),
  evaluate: (x) => -x,
});

/** y = exp(x). dx = dy · y. */
export const exp = unary('Exp', {
  vjp: (dy, _x, y) => mul(dy, y),
  evaluate: atRuntime,
});

/** y = log(x), natural. dx = dy / x. */
export const log = unary('Log', {
  vjp: (dy, x) => div(dy, x),
  evaluate: atRuntime,
});

/**
 * y = √x. dx = dy / (2y), and 0 where y is 0. The slope is infinite there, and √(g²) at g = 0 would give 0 · ∞: one
 * dead channel would make a whole meta-gradient through Adam's steps NaN.
 */
export const sqrt = unary('Sqrt', {
  vjp: (dy, _x, y) => {
    const isPositive = greater(y, constant(zeros(y.dtype, [])));
    return where(isPositive, div(mul(dy, 0.5), where(isPositive, y, 1)), 0);
  },
  evaluate: Math.sqrt,
});

/** y = erf(x). dx = dy · 2/√π · exp(-x²). */
export const erf = unary('Erf', {
  vjp: (dy, x) => mul(dy, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x))))),
  evaluate: atRuntime,
});

/** y = tanh(x). dx = dy · (1 - y²). */
export const tanh = unary('Tanh', {
  vjp: (dy, _x, y) => mul(dy, sub(1, square(y))),
  evaluate: atRuntime,
});

/** y = 1 / (1 + exp(-x)). dx = dy · y · (1 - y). */
export const sigmoid = unary('Sigmoid', {
  vjp: (dy, _x, y) => mul(dy, mul(y, sub(1, y))),
  evaluate: atRuntime,
});

/**
 * y = x · sigmoid(x), also called swish (Ramachandran et al. 2017). dx = dy · s · (1 + x - y) for s = sigmoid(x), which is
 * s + y · (1 - s) in four passes over memory, where the derivative of the product has six.
 */
export const silu = unary('Silu', {
  vjp: (dy, x, y) => mul(dy, mul(sigmoid(x), add(sub(x, y), 1))),
  lowering: { lower: (b, [x]) => b.emit('Mul', [x!, b.emit('Sigmoid', [x!])]) },
  flops: perOutput(2),
  memory: ownBuffer,
  evaluate: atRuntime,
});

const sixth = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };

/**
 * y = min(max(x/6 + 1/2, 0), 1) (Howard et al. 2019, section 5.2). dx = dy/6 · [y² < y], which is 0 < y < 1.
 *
 * One operator: MobileNet v3's forward pass takes 0.75 of the time that it took with a clipped sum, its training step
 * 0.93.
 */
export const hardSigmoid = unary('HardSigmoid', {
  vjp: (dy, _x, y) => mul(dy, mul(cast(greater(y, square(y)), y.dtype), 1 / 6)),
  lowering: onnx('HardSigmoid', () => sixth),
  flops: perOutput(3),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = |x|. dx = dy · sign(x). */
export const abs = unary('Abs', {
  vjp: (dy, x) => mul(dy, sign(x)),
  evaluate: Math.abs,
});

/** -1, 0 or 1. Its derivative is zero. */
export const sign = unary('Sign', {
  vjp: () => null,
  flops: free,
  evaluate: atRuntime,
});

/** [x > 0] as a number. Its derivative is zero. */
const isPositive = unary('IsPositive', {
  vjp: () => null,
  lowering: {
    lower: (b, [x], { dtype }) =>
      b.emit('Cast', [b.emit('Greater', [x!, b.constant(zeros(dtype, []))])], { to: dataType[dtype] }),
  },
  flops: free,
  memory: ownBuffer,
  evaluate: (x) => Number(x > 0),
});

/** Gradients of a ReLU's values of which few were picked, and the same where these are positive. */
const picks = new WeakMap<Value, { readonly y: Value; wherePositive(): Value }>();

/** y = max(x, 0). dx = dy · [y > 0]. */
export const relu = unary('Relu', {
  vjp: (dy, _x, y) => {
    const pick = picks.get(dy);
    return pick?.y === y ? pick.wherePositive() : mul(dy, isPositive(y));
  },
  evaluate: atRuntime,
});

/**
 * The gradient of y from that of some of its elements, `picked`. If y is a ReLU's, then the gradient before it compares these
 * alone with zero, in place of all.
 *
 * @param spread puts the gradients of what was picked in their places
 */
export function pickedGradient(y: Value, picked: Value, dy: Value, spread: (dy: Value) => Value): Value {
  const gradient = spread(dy);
  if (y.op.name === 'Relu') picks.set(gradient, { y, wherePositive: () => spread(mul(dy, isPositive(picked))) });
  return gradient;
}

/** y = x, and dx = 0: nothing flows back, as with `detach` in PyTorch. */
export const stopGradient = unary('StopGradient', {
  vjp: () => null,
  lowering: onnx('Identity'),
  flops: free,
  memory: alias,
  evaluate: (x) => x,
});

/** y = x². dx = dy · 2x. */
export const square = unary('Square', {
  vjp: (dy, x) => mul(mul(dy, 2), x),
  lowering: { lower: (b, [x]) => b.emit('Mul', [x!, x!]) },
  evaluate: (x) => x * x,
});

/**
 * y = x · hardSigmoid(x) (Howard et al. 2019, section 5.2). dx = dy · (hardSigmoid(x) + x/6 · [x² < 9]), in about half of
 * the time that the derivative of the product takes.
 */
export const hardSwish = unary('HardSwish', {
  vjp: (dy, x) => mul(dy, add(hardSigmoid(x), mul(x, mul(isPositive(sub(9, square(x))), 1 / 6)))),
  lowering: { lower: (b, [x]) => b.emit('Mul', [x!, b.emit('HardSigmoid', [x!], sixth)]) },
  flops: perOutput(4),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = 1/√x. */
export function rsqrt(x: Value): Value {
  return div(1, sqrt(x));
}

const clipOp = defineOp<{ low: number; high: number }>('Clip', {
  infer: ([x]) => {
    expectDType('clip', x!, ...floats);
    return { dtype: x!.dtype, shape: x!.shape };
  },
  vjp: (dy, [x], y) => [mul(dy, cast(equal(x!, y), y.dtype))],
  lowerings: {
    onnx: {
      lower: (b, [x], { dtype }, { low, high }) => {
        const bound = (value: number) =>
          b.constant(dtype === 'f64' ? tensor(dtype, [], Float64Array.of(value)) : f32([], [value]));
        return b.emit('Clip', [x!, bound(low), bound(high)]);
      },
    },
  },
  flops: perOutput(2),
  memory: inPlace,
  evaluate: atRuntime,
});

/**
 * y = min(max(x, low), high). dx = dy · [x = y]: at a bound the gradient passes, as in PyTorch.
 *
 * One operator, which ORT also merges into a convolution before it: MobileNet v2's forward pass takes 0.57 of the time
 * that it took with `minimum` and `maximum`, its training step 0.83.
 */
export function clip(x: Value, low: number, high: number): Value {
  return broadcastTo(clipOp([beforeBroadcast(x)], { low, high }), x.shape);
}

export const greater = comparison('Greater', (a, b) => a > b);
export const greaterOrEqual = comparison('GreaterOrEqual', (a, b) => a >= b);
export const less = comparison('Less', (a, b) => a < b);
export const lessOrEqual = comparison('LessOrEqual', (a, b) => a <= b);
export const equal = comparison('Equal', (a, b) => a === b);

const whereOp = defineOp('Where', {
  infer: ([condition, a, b]) => {
    expectDType('where', condition!, 'bool');
    const { dtype, shape } = inferBinary('where', a!, b!);
    return { dtype, shape: broadcastShapes('where', condition!, { dtype, shape }) };
  },
  vjp: (dy, [condition]) => [null, where(condition!, dy, 0), where(condition!, 0, dy)],
  flops: free,
  memory: inPlace,
  evaluate: pointwise((condition, a, b) => (condition ? a! : b!)),
});

/** a where the condition (bool) holds, else b; all three broadcast. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  return whereOp([condition, toValue(a), toValue(b)], {});
}

const castOp = defineOp<{ to: DType }>('Cast', {
  infer: ([x], { to }) => ({ dtype: to, shape: x!.shape }),
  vjp: (dy, [x]) => [floats.includes(x!.dtype) ? cast(dy, x!.dtype) : null],
  lowerings: { onnx: onnx('Cast', ({ to }) => ({ to: dataType[to] })) },
  flops: free,
  memory: ownBuffer,
  evaluate: sameNumbers,
});

/** The same numbers as another type; differentiable between float types. */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : castOp([x], { to });
}
