import { type DType, type Shape, sizeOf, type Tensor, tensor } from '../../base/tensor.ts';
import { type Attributes, constant, constantTensor, type Value } from '../../graph/index.ts';

/*
 * An exported graph computes its shapes as it runs: the batch size is taken out of a Shape, multiplied, and put into a
 * Reshape. Here shapes are known when the graph is built, so what depends only on constants is computed at once.
 */

/** Numbers above this many are left to the runtime; nothing that says how large something is has as many. */
const mostNumbers = 2 ** 16;

/**
 * And so is what goes beyond this many in one run over the nodes: each may stay below the limit for one and all together take
 * minutes. Networks with many masks and tables of positions need some ten millions.
 */
export const mostWork = 2 ** 24;

/** Counts the numbers that are read and made while a graph is built. */
export class FoldingWork {
  #left = mostWork;

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** Whether there is room for so many more. They are charged before they are computed. */
  allows(numbers: number): boolean {
    this.#left -= numbers;
    return this.#left > 0;
  }
}

interface Numbers {
  readonly shape: Shape;
  readonly numbers: readonly number[];
}

type Kernel = (inputs: readonly Numbers[], shape: Shape, attributes: Attributes) => number[];

/** The numbers of a tensor as plain numbers; integers beyond 2⁵³ are rounded. */
export function numbersOf(value: Tensor): number[] {
  return Array.from<number | bigint, number>(value.data, Number);
}

/** A tensor from plain numbers: truncated for integers, and where they are beyond 2⁵³, the nearest of those. */
export function tensorOf(dtype: DType, shape: Shape, numbers: readonly number[]): Tensor {
  const bounded = (x: number) => Math.trunc(Math.max(-(2 ** 53), Math.min(2 ** 53, Number.isNaN(x) ? 0 : x)));
  if (dtype === 'i64')
    return tensor(
      'i64',
      shape,
      BigInt64Array.from(numbers, (x) => BigInt(bounded(x))),
    );
  if (dtype === 'bool')
    return tensor(
      'bool',
      shape,
      Uint8Array.from(numbers, (x) => Number(x !== 0)),
    );
  return tensor('f32', shape, Float32Array.from(numbers));
}

/** In row-major order, what an index is worth in each axis. */
function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides with which a tensor is read as if it had been broadcast to a shape: 0 where it is repeated. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const at = axis - (to.length - from.length);
    return at < 0 || from[at] === 1 ? 0 : own[at]!;
  });
}

/** A tensor as it is read: where it begins, and how far apart neighbours along each axis lie. */
interface Reading {
  readonly start: number;
  readonly strides: readonly number[];
}

/** Calls `visit` for every index of a shape in row-major order, with the place of it in each reading. */
function walk(shape: Shape, readings: readonly Reading[], visit: (places: readonly number[], i: number) => void): void {
  // An axis of length 1 moves nothing, but would have to be carried over at every step.
  const axes = shape.flatMap((d, axis) => (d === 1 ? [] : [axis]));
  const index = axes.map(() => 0);
  const places = readings.map(({ start }) => start);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(places, i);
    for (let k = axes.length - 1; k >= 0; k--) {
      const axis = axes[k]!;
      const isLast = ++index[k]! === shape[axis];
      const steps = isLast ? 1 - shape[axis]! : 1;
      for (let r = 0; r < readings.length; r++) places[r]! += steps * readings[r]!.strides[axis]!;
      if (!isLast) break;
      index[k] = 0;
    }
  }
}

/** A tensor's numbers, read in some way into a shape. */
function readAs(shape: Shape, { numbers }: Numbers, reading: Reading): number[] {
  const results = new Array<number>(sizeOf(shape));
  walk(shape, [reading], ([place], i) => {
    results[i] = numbers[place!]!;
  });
  return results;
}

const elementwise =
  (f: (...numbers: number[]) => number): Kernel =>
  (inputs, shape) => {
    const results = new Array<number>(sizeOf(shape));
    const readings = inputs.map((x) => ({ start: 0, strides: broadcastStrides(x.shape, shape) }));
    walk(shape, readings, (places, i) => {
      results[i] = f(...inputs.map((x, k) => x.numbers[places[k]!]!));
    });
    return results;
  };

const reduction =
  (start: number, f: (a: number, b: number) => number): Kernel =>
  ([x], shape, { axes }) => {
    const reduced = new Set(axes as readonly number[]);
    const results = new Array<number>(sizeOf(shape)).fill(start);
    const own = stridesOf(x!.shape.map((d, axis) => (reduced.has(axis) ? 1 : d)));
    const strides = own.map((stride, axis) => (reduced.has(axis) ? 0 : stride));
    walk(x!.shape, [{ start: 0, strides }], ([place], i) => {
      results[place!] = f(results[place!]!, x!.numbers[i]!);
    });
    return results;
  };

/** By the name of the primitive. */
const kernels: Readonly<Record<string, Kernel>> = {
  Reshape: ([x]) => [...x!.numbers],
  BroadcastTo: ([x], shape) => readAs(shape, x!, { start: 0, strides: broadcastStrides(x!.shape, shape) }),
  Transpose: ([x], shape, { axes }) => {
    const own = stridesOf(x!.shape);
    return readAs(shape, x!, { start: 0, strides: (axes as readonly number[]).map((axis) => own[axis]!) });
  },
  Slice: ([x], shape, { starts, steps }) => {
    const [first, step] = [starts as readonly number[], steps as readonly number[]];
    const own = stridesOf(x!.shape);
    return readAs(shape, x!, {
      start: own.reduce((sum, stride, axis) => sum + first[axis]! * stride, 0),
      strides: own.map((stride, axis) => step[axis]! * stride),
    });
  },
  Concat: (inputs, shape, { axis }) => {
    const inner = sizeOf(shape.slice((axis as number) + 1));
    const outer = sizeOf(shape.slice(0, axis as number));
    const results: number[] = [];
    for (let row = 0; row < outer; row++) {
      for (const { shape: own, numbers } of inputs) {
        const length = own[axis as number]! * inner;
        for (let i = row * length; i < (row + 1) * length; i++) results.push(numbers[i]!);
      }
    }
    return results;
  },
  Gather: ([x, indices], shape, { axis }) => {
    const [length, inner] = [x!.shape[axis as number]!, sizeOf(shape.slice((axis as number) + 1))];
    const outer = sizeOf(shape.slice(0, axis as number));
    const results: number[] = [];
    for (let row = 0; row < outer; row++) {
      for (const index of indices!.numbers) {
        const start = (row * length + index) * inner;
        for (let i = start; i < start + inner; i++) results.push(x!.numbers[i]!);
      }
    }
    return results;
  },
  ReduceSum: reduction(0, (a, b) => a + b),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b), // truncated where the result is an integer
  Pow: elementwise((a, b) => a ** b),
  Minimum: elementwise(Math.min),
  Maximum: elementwise(Math.max),
  Neg: elementwise((x) => -x),
  Sqrt: elementwise(Math.sqrt),
  Square: elementwise((x) => x * x),
  Abs: elementwise(Math.abs),
  Cast: elementwise((x) => x),
  StopGradient: elementwise((x) => x),
  Where: elementwise((condition, a, b) => (condition ? a : b)),
  Equal: elementwise((a, b) => Number(a === b)),
  Greater: elementwise((a, b) => Number(a > b)),
  GreaterOrEqual: elementwise((a, b) => Number(a >= b)),
  Less: elementwise((a, b) => Number(a < b)),
  LessOrEqual: elementwise((a, b) => Number(a <= b)),
};

/** Computes what depends only on constants. One per trace: it remembers what it has seen. */
export class Folder {
  readonly #folded = new WeakMap<Value, Value>();
  readonly #learned = new WeakSet<Value>();
  readonly work = new FoldingWork();

  /** Says that nothing behind this value is to be looked at. */
  keep(value: Value): Value {
    this.#folded.set(value, value);
    return value;
  }

  /** Says that this is a parameter: nothing is computed from it, even where it is a constant in this trace. */
  learned(value: Value): Value {
    this.#learned.add(value);
    return this.keep(value);
  }

  /** The value, or a constant of the same numbers. */
  fold(value: Value): Value {
    const known = this.#folded.get(value);
    if (known) return known;
    const result = this.#compute(value) ?? value;
    this.#folded.set(value, result);
    return result;
  }

  #compute(value: Value): Value | undefined {
    if (value.inputs.length === 0 || value.inputs.some((operand) => this.#learned.has(operand))) return undefined;
    const kernel = Object.hasOwn(kernels, value.op.name) ? kernels[value.op.name] : undefined;
    const tensors = value.inputs.map((operand) => constantTensor(this.fold(operand)));
    const sizes = [sizeOf(value.shape), ...tensors.map((operand) => operand?.data.length ?? Number.POSITIVE_INFINITY)];
    if (!kernel || sizes.some((size) => size > mostNumbers)) return undefined;
    if (!this.work.allows(sizes.reduce((a, b) => a + b))) return undefined;
    const inputs = tensors.map((operand): Numbers => ({ shape: operand!.shape, numbers: numbersOf(operand!) }));
    return constant(tensorOf(value.dtype, value.shape, kernel(inputs, value.shape, value.attributes)));
  }
}
