import { type DType, formatType, type Shape, type Tensor, type TensorType } from '../base/tensor.ts';
import type { Feature, OnnxBuilder } from './onnx.ts';

export type { TensorType };

export type Attribute = number | string | boolean | null | readonly number[] | Tensor;
export type Attributes = Readonly<Record<string, Attribute>>;

/**
 * An immutable node of a computation. It refers to its inputs, never to its users, so a graph is whatever the requested
 * outputs reach, and a gradient that nobody requests is never built.
 */
export interface Value extends TensorType {
  readonly op: Primitive;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
}

/** One kind of node. `ops/` defines them; `graph/` only calls what is written here. */
export interface Primitive {
  readonly name: string;
  /** The output's type. @throws ShapeError where the inputs do not fit together. */
  infer(inputs: readonly Value[], attributes: Attributes): TensorType;
  /**
   * The vector-Jacobian product: the cotangent of each input, given the output's. `null` stands for zero.
   * A cotangent may have the broadcast shape of the output; `grad` sums it down.
   */
  vjp(dy: Value, inputs: readonly Value[], y: Value): readonly (Value | null)[];
  /** The ways to write this as ONNX nodes, by name. The first that applies is the default. */
  readonly lowerings: Readonly<Record<string, Lowering>>;
  /** Floating-point operations that it takes to compute `y`: a multiply-add is two. */
  flops(y: Value): number;
  readonly memory: Memory;
  /** The numbers of `y`, computed while the graph is built; null where only the runtime computes this. */
  readonly evaluate: ((inputs: readonly Numbers[], y: Value) => number[]) | null;
}

/** The buffer that holds a primitive's result, and the memory it takes to compute it. */
export interface Memory {
  /**
   * The kind of buffer, in the words of ORT's kernel definitions: `own`, a buffer of its own; `mayInplace`, the buffer
   * of an operand of the same size that is not read again; `alias`, its operand's buffer, as a view.
   */
  readonly buffer: 'own' | 'mayInplace' | 'alias';
  /** Bytes beside operands and result. Absent: none. */
  workspace?(y: Value): number;
  /**
   * The values that the kernel reads, where the default lowering computes them from the inputs first. Absent: the
   * inputs.
   */
  reads?(y: Value): readonly Value[];
}

/** A tensor's numbers in row-major order, of whatever type. */
export interface Numbers {
  readonly shape: Shape;
  readonly numbers: readonly number[];
}

/** One way to write a primitive as ONNX nodes. */
export interface Lowering {
  /** The feature that the device must have, beyond those of every build of ORT. Absent: none. */
  readonly requires?: Feature;
  /** Whether this form can express the value. Absent: always. */
  applies?(value: Value): boolean;
  /** Adds the nodes and returns the name of the output. `inputs` are the names of the value's inputs. */
  lower(builder: OnnxBuilder, inputs: readonly string[], value: Value): string;
}

/** Hears how a graph is built: which layer asks for which variable, and of which value a gradient is being taken. */
export interface BuildListener {
  made(value: Value): void;
  /** A layer, by its path, asks for a variable. */
  asked(layer: string): void;
  /** Values from here on are cotangents that are pulled back through this one; without it, no longer. */
  pulled(value?: Value): void;
}

/** The listener, while there is one: a profiler, which tells layers and passes apart. */
export let buildListener: BuildListener | undefined;

/** Puts a listener, or none, in the place of the one that there was, which is returned. */
export function listenToBuilding(listener: BuildListener | undefined): BuildListener | undefined {
  const before = buildListener;
  buildListener = listener;
  return before;
}

/** A new node; its type is inferred, so an ill-typed graph cannot be built. */
export function makeValue(op: Primitive, inputs: readonly Value[], attributes: Attributes): Value {
  const { dtype, shape } = op.infer(inputs, attributes);
  const value = Object.freeze({ op, inputs, attributes, dtype, shape });
  buildListener?.made(value);
  return value;
}

function leaf(name: string, infer: (attributes: Attributes) => TensorType): Primitive {
  return {
    name,
    infer: (_inputs, attributes) => infer(attributes),
    vjp: () => [],
    lowerings: {},
    flops: () => 0,
    memory: { buffer: 'own' },
    evaluate: null,
  };
}

const inputPrimitive = leaf('Input', (attributes) => ({
  dtype: attributes.dtype as DType,
  shape: attributes.shape as Shape,
}));

const constantPrimitive = leaf('Constant', (attributes) => {
  const { dtype, shape } = attributes.tensor as Tensor;
  return { dtype, shape };
});

/** A named value that is fed when the graph runs. */
export function input(name: string, dtype: DType, shape: Shape): Value {
  return makeValue(inputPrimitive, [], { name, dtype, shape });
}

/**
 * A graph input for each entry of a record, under its name: for a record of parameters, or the parts of a batch.
 *
 * @example const { images, labels } = inputsLike({ images: zeros('f32', [8, 3, 32, 32]), labels: zeros('i64', [8]) });
 */
export function inputsLike<Name extends string>(types: Readonly<Record<Name, TensorType>>): Record<Name, Value> {
  const entries = Object.entries<TensorType>(types).map(([name, { dtype, shape }]) => [
    name,
    input(name, dtype, shape),
  ]);
  return Object.fromEntries(entries);
}

/** A value that is known when the graph is built; a parameter may keep its name in what is written. */
export function constant(tensor: Tensor, name?: string): Value {
  return makeValue(constantPrimitive, [], name === undefined ? { tensor } : { tensor, name });
}

/** The name a constant was given. */
export function constantName(value: Value): string | undefined {
  return value.op === constantPrimitive ? (value.attributes.name as string | undefined) : undefined;
}

/** The name of an input, or undefined for any other value. */
export function inputName(value: Value): string | undefined {
  return value.op === inputPrimitive ? (value.attributes.name as string) : undefined;
}

/** The tensor of a constant, or undefined for any other value. */
export function constantTensor(value: Value): Tensor | undefined {
  return value.op === constantPrimitive ? (value.attributes.tensor as Tensor) : undefined;
}

/** All values that the outputs depend on, themselves included, each after its inputs. */
export function reachable(outputs: Iterable<Value>): Value[] {
  const order: Value[] = [];
  const seen = new Set<Value>();
  // An explicit stack: an unrolled inner loop is deeper than the call stack. `next` is the input to visit next.
  const stack: { value: Value; next: number }[] = [];
  const visit = (value: Value) => {
    if (seen.has(value)) return;
    seen.add(value);
    stack.push({ value, next: 0 });
  };
  for (const output of outputs) {
    visit(output);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const child = top.value.inputs[top.next++];
      if (child) visit(child);
      else order.push(stack.pop()!.value);
    }
  }
  return order;
}

/** `f32[8,64,56,56]`, from a value's type. */
export function typeOf(value: TensorType): string {
  return formatType(value);
}
