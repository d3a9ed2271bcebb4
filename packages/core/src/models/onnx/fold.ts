import { numbersOf, sizeOf } from '../../base/tensor.ts';
import { constant, constantTensor, type Numbers, type Value } from '../../graph/index.ts';
import { tensorOf } from './constants.ts';

/*
 * An exported graph computes its shapes as it runs: the batch size is taken out of a Shape, multiplied, and put into a
 * Reshape. Here shapes are known when the graph is built, so what depends only on constants is computed at once.
 */

/** Tensors with more numbers than this are left to the runtime; no computation of a shape has as many. */
const mostNumbers = 2 ** 16;

/**
 * The limit for all tensors in one run over the nodes: each may stay below the limit for one, and all together take
 * minutes. Networks with many masks and tables of positions need some ten millions.
 */
export const mostWork = 2 ** 24;

/** Counts the numbers that are read and made while a graph is built. */
export class FoldingWork {
  #left = mostWork;

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** Charges for so many numbers, before they are computed. False where that is more than the limit. */
  allows(numbers: number): boolean {
    this.#left -= numbers;
    return this.#left > 0;
  }
}

/** Computes values that depend only on constants. One per trace: it remembers its results. */
export class Folder {
  readonly #folded = new WeakMap<Value, Value>();
  readonly #learned = new WeakSet<Value>();
  readonly work = new FoldingWork();

  /** Marks a value as one whose inputs are not to be folded. */
  keep(value: Value): Value {
    this.#folded.set(value, value);
    return value;
  }

  /** Marks a parameter: nothing is computed from it, even where it is a constant in this trace. */
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
    const { evaluate } = value.op;
    const tensors = value.inputs.map((operand) => constantTensor(this.fold(operand)));
    const sizes = [sizeOf(value.shape), ...tensors.map((operand) => operand?.data.length ?? Number.POSITIVE_INFINITY)];
    if (!evaluate || sizes.some((size) => size > mostNumbers)) return undefined;
    if (!this.work.allows(sizes.reduce((a, b) => a + b))) return undefined;
    const inputs = tensors.map((operand): Numbers => ({ shape: operand!.shape, numbers: numbersOf(operand!) }));
    return constant(tensorOf(value.dtype, value.shape, evaluate(inputs, value)));
  }
}
