import { ShapeError } from '../base/errors.ts';
import { type DType, f32, type Shape, type TensorOf, tensor } from '../base/tensor.ts';
import {
  type Attributes,
  applicableLowerings,
  constant,
  constantTensor,
  type Feature,
  input,
  type Lowering,
  type Memory,
  makeValue,
  type OnnxAttribute,
  type OnnxBuilder,
  type Primitive,
  reachable,
  type TensorType,
  typeOf,
  type Value,
} from '../graph/index.ts';
import type { Evaluate } from './evaluate.ts';

/** The definition of a primitive. `A` is the type of its attributes. */
export interface Rule<A extends Attributes> {
  infer(inputs: readonly Value[], attributes: A): TensorType;
  /** Absent: not differentiable, the cotangents are zero. */
  vjp?(dy: Value, inputs: readonly Value[], y: Value, attributes: A): readonly (Value | null)[];
  /** Absent: the ONNX operator of the same name, without attributes. */
  lowerings?: Readonly<Record<string, LoweringRule<A>>>;
  /**
   * Floating-point operations: `free`, `elementwise`, `perOutput(n)`, `perInput(n)` (flops.ts), or a sum of its own.
   */
  flops(y: Value, attributes: A): number;
  /** `ownBuffer`, `inPlace` or `alias`, with a workspace or reads where there are any. */
  memory: Memory;
  /** Evaluates constants while a graph is built (evaluate.ts), or is `atRuntime`. */
  evaluate: Evaluate<A> | null;
}

/** The result lies in a buffer of its own. */
export const ownBuffer: Memory = { buffer: 'own' };
/** The result may be written into an operand of the same size that nobody reads any more. */
export const inPlace: Memory = { buffer: 'mayInplace' };
/** The result is a view of its operand. */
export const alias: Memory = { buffer: 'alias' };
/** Constants of this primitive are not folded: only the runtime computes it. */
export const atRuntime = null;

export interface LoweringRule<A extends Attributes> {
  readonly requires?: Feature;
  applies?(value: Value, attributes: A): boolean;
  lower(builder: OnnxBuilder, inputs: readonly string[], value: Value, attributes: A): string;
}

export type Op<A extends Attributes> = ((inputs: readonly Value[], attributes: A) => Value) & {
  readonly primitive: Primitive;
};

const registry = new Map<string, Primitive>();

/** Every primitive, for the test that proves the set closed under `grad`. */
export function primitives(): ReadonlyMap<string, Primitive> {
  return registry;
}

/**
 * Defines a primitive in one block: shape rule, VJP, lowerings, FLOPs, memory, and how constants are folded. A bundler
 * leaves out those that nothing uses: `primitives` of a bundle has the others.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<A extends Attributes = Record<never, never>>(name: string, rule: Rule<A>): Op<A> {
  const { vjp, flops, memory, evaluate } = rule;
  const lowerings: Readonly<Record<string, LoweringRule<A>>> = rule.lowerings ?? { onnx: onnx(name) };
  // The casts to A are sound: only the function returned below makes values of this primitive, and it takes an A.
  const primitive: Primitive = {
    name,
    infer: (inputs, attributes) => rule.infer(inputs, attributes as A),
    vjp: (dy, inputs, y) => vjp?.(dy, inputs, y, y.attributes as A) ?? inputs.map(() => null),
    lowerings: loweringsOf(lowerings),
    flops: (y) => flops(y, y.attributes as A),
    memory,
    evaluate: evaluate && ((inputs, y) => evaluate(inputs, y, y.attributes as A)),
  };
  if (registry.has(name)) throw new Error(`defineOp: ${name} is defined twice`);
  registry.set(name, primitive);
  return Object.assign((inputs: readonly Value[], attributes: A) => makeValue(primitive, inputs, attributes), {
    primitive,
  });
}

function loweringsOf<A extends Attributes>(rules: Readonly<Record<string, LoweringRule<A>>>) {
  return Object.fromEntries(
    Object.entries(rules).map(([key, { requires, applies, lower }]): [string, Lowering] => [
      key,
      {
        ...(requires && { requires }),
        ...(applies && { applies: (value) => applies(value, value.attributes as A) }),
        lower: (builder, inputs, value) => lower(builder, inputs, value, value.attributes as A),
      },
    ]),
  );
}

/**
 * Adds lowerings after a primitive's own, or in the place of those with the same name: those of one kind of device, which a
 * bundle for the others need not hold.
 */
export function addLowerings<A extends Attributes>(
  { primitive }: Op<A>,
  rules: Readonly<Record<string, LoweringRule<A>>>,
): void {
  Object.assign(primitive.lowerings, loweringsOf(rules));
}

/** The lowering to one ONNX operator. */
export function onnx<A extends Attributes>(
  operator: string,
  attributes: (a: A) => Record<string, OnnxAttribute> = () => ({}),
): LoweringRule<A> {
  return { lower: (builder, inputs, _value, a) => builder.emit(operator, inputs, attributes(a)) };
}

/**
 * Adds the nodes of values that are built from other primitives, each in its default lowering, and returns their names.
 * `build` gets stand-ins for the inputs. Nodes that the graph has anyway are shared, so a lowering may repeat a
 * composition that stands elsewhere.
 */
export function lowerComposition(
  builder: OnnxBuilder,
  names: readonly string[],
  inputs: readonly Value[],
  build: (...inputs: Value[]) => readonly Value[],
): string[] {
  const leaves = inputs.map(({ dtype, shape }, i) => input(names[i]!, dtype, shape));
  const outputs = build(...leaves);
  const lowered = new Map(leaves.map((leaf, i) => [leaf, names[i]!]));
  for (const value of reachable(outputs)) {
    if (lowered.has(value)) continue;
    const tensor = constantTensor(value);
    const operands = value.inputs.map((operand) => lowered.get(operand)!);
    const lowering = () => value.op.lowerings[applicableLowerings(value)[0]!]!;
    lowered.set(value, tensor ? builder.constant(tensor) : lowering().lower(builder, operands, value));
  }
  return outputs.map((output) => lowered.get(output)!);
}

/** A value, or a plain number that stands for an f32 scalar. */
export type Operand = Value | number;

export function toValue(operand: Operand): Value {
  return typeof operand === 'number' ? constant(f32([], [operand])) : operand;
}

/** The shape two operands broadcast to, as in NumPy. @throws ShapeError where they do not. */
export function broadcastShapes(op: string, a: TensorType, b: TensorType): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a.shape[i - rank + a.shape.length] ?? 1;
    const q = b.shape[i - rank + b.shape.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError({
        op,
        expected: typeOf(a),
        received: typeOf(b),
        message: `${typeOf(a)} and ${typeOf(b)} do not broadcast: axis ${i} is ${p} and ${q}`,
      });
    }
    return p === 1 ? q : p;
  });
}

export function expectDType(op: string, value: Value, ...allowed: readonly DType[]): void {
  if (allowed.includes(value.dtype)) return;
  const expected = allowed.join(' or ');
  throw new ShapeError({ op, expected, received: typeOf(value) });
}

export function expectRank(op: string, value: Value, rank: number, layout: string): void {
  if (value.shape.length === rank) return;
  throw new ShapeError({ op, expected: `rank ${rank} ${layout}`, received: typeOf(value) });
}

/** An axis counted from the front. @throws ShapeError where the value has no such axis. */
export function normaliseAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError({ op, expected: `an axis in [${-rank}, ${rank})`, received: String(axis) });
  }
  return axis < 0 ? axis + rank : axis;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** 0, 1, …, length-1 as i64. */
export function iota(length: number): TensorOf<'i64'> {
  return tensor(
    'i64',
    [length],
    BigInt64Array.from({ length }, (_, i) => BigInt(i)),
  );
}
