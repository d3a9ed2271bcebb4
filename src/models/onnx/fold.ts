import { type DType, type Shape, sizeOf, type Tensor, tensor } from '../../base/tensor.ts';
import { type Attributes, constant, constantTensor, type Value } from '../../graph/index.ts';

/*
 * An exported graph computes its shapes as it runs: the batch size is taken out of a Shape, multiplied, and put into a
 * Reshape. Here shapes are known when the graph is built, so what depends only on constants is computed at once.
 */

/** Numbers above this many are left to the runtime; nothing that says how large something is has as many. */
const mostNumbers = 2 ** 16;

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

/** Every index of a shape in row-major order, turned into a number. */
function fill(shape: Shape, at: (index: readonly number[]) => number): number[] {
  const index = shape.map(() => 0);
  return Array.from({ length: sizeOf(shape) }, () => {
    const number = at(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
    return number;
  });
}

function pick({ shape, numbers }: Numbers, index: readonly number[]): number {
  return numbers[shape.reduce((offset, d, axis) => offset * d + index[axis]!, 0)]!;
}

/** As `pick`, where axes of length 1 and missing leading ones are repeated. */
function pickBroadcast(x: Numbers, index: readonly number[]): number {
  const extra = index.length - x.shape.length;
  return pick(
    x,
    x.shape.map((d, axis) => (d === 1 ? 0 : index[axis + extra]!)),
  );
}

const elementwise =
  (f: (...numbers: number[]) => number): Kernel =>
  (inputs, shape) =>
    fill(shape, (index) => f(...inputs.map((x) => pickBroadcast(x, index))));

const reduction =
  (start: number, f: (a: number, b: number) => number): Kernel =>
  ([x], shape, { axes }) => {
    const reduced = new Set(axes as readonly number[]);
    const results = new Array<number>(sizeOf(shape)).fill(start);
    const kept = x!.shape.map((d, axis) => (reduced.has(axis) ? 1 : d));
    let place = 0;
    fill(x!.shape, (index) => {
      const offset = kept.reduce((sum, d, axis) => sum * d + (reduced.has(axis) ? 0 : index[axis]!), 0);
      results[offset] = f(results[offset]!, x!.numbers[place++]!);
      return 0;
    });
    return results;
  };

/** By the name of the primitive. */
const kernels: Readonly<Record<string, Kernel>> = {
  Reshape: ([x]) => [...x!.numbers],
  BroadcastTo: elementwise((x) => x),
  Transpose: ([x], shape, { axes }) => {
    const order = axes as readonly number[];
    return fill(shape, (index) =>
      pick(
        x!,
        order.map((_, axis) => index[order.indexOf(axis)]!),
      ),
    );
  },
  Slice: ([x], shape, { starts, steps }) => {
    const [first, step] = [starts as readonly number[], steps as readonly number[]];
    return fill(shape, (index) =>
      pick(
        x!,
        index.map((i, axis) => first[axis]! + i * step[axis]!),
      ),
    );
  },
  Concat: (inputs, shape, { axis }) => {
    const along = axis as number;
    return fill(shape, (index) => {
      let place = index[along]!;
      const part = inputs.find((x) => {
        if (place < x.shape[along]!) return true;
        place -= x.shape[along]!;
        return false;
      });
      return pick(part!, index.with(along, place));
    });
  },
  Gather: ([x, indices], shape, { axis }) => {
    const along = axis as number;
    return fill(shape, (index) => pick(x!, index.with(along, indices!.numbers[index[along]!]!)));
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
    const tensors = value.inputs.map((operand) => constantTensor(this.fold(operand)));
    const kernel = Object.hasOwn(kernels, value.op.name) ? kernels[value.op.name] : undefined;
    if (!kernel || sizeOf(value.shape) > mostNumbers) return undefined;
    const inputs: Numbers[] = [];
    for (const operand of tensors) {
      if (!operand || operand.data.length > mostNumbers) return undefined;
      inputs.push({ shape: operand.shape, numbers: numbersOf(operand) });
    }
    return constant(tensorOf(value.dtype, value.shape, kernel(inputs, value.shape, value.attributes)));
  }
}
