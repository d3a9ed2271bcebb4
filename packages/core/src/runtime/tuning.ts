import { type DType, sizeOf, type Tensor, tensor, zeros } from '../base/tensor.ts';
import {
  applicableLowerings,
  constant,
  constantTensor,
  type Features,
  input,
  makeValue,
  reachable,
  type TensorType,
  typeOf,
  type Value,
} from '../graph/index.ts';
import { primitives } from '../ops/index.ts';

/** The lowerings that a value can have on a device, by name; the first is the default. */
export type Candidates = (value: Value) => readonly string[];

/** All that apply on a device with these features. */
export function allCandidates(features: Features): Candidates {
  return (value) => applicableLowerings(value, features);
}

/** The chosen lowering of each node: `Conv2dWeightGrad(f32[…], f32[…]) {…}` → `shiftedMatMul`. */
export type Choices = Readonly<Record<string, string>>;

/** A store that keeps timings between processes. */
export interface ChoiceStore {
  load(): Promise<Choices>;
  save(choices: Choices): Promise<void>;
}

/**
 * The version of the timing method: choices found by another version are not used. Version 1 went by the wall clock on
 * a busy machine, too; version 2 timed each candidate with what another had left in the caches, version 3 with numbers
 * that were repeated so soon that a processor foresaw every branch.
 */
export const timingMethod = 4;

/** All lowerings there are to choose from, as text: a choice among fewer is not reused. */
export function everyLowering(): string {
  const names = [...primitives()].map(([name, { lowerings }]) => `${name}: ${Object.keys(lowerings)}`);
  return names.sort().join('\n');
}

/** Choices that come with Graft, for a backend with these features. Those that were measured here take precedence. */
export type ShippedChoices = (features: Features) => Promise<Choices>;

export interface TuningEvent {
  readonly done: number;
  readonly total: number;
}

/**
 * The key of a timing: the primitive, the types of its inputs, which of them are constants (ORT prepares those once),
 * and its attributes.
 */
export function choiceKey(value: Value): string {
  const operands = value.inputs.map((each) => (constantTensor(each) ? `constant ${typeOf(each)}` : typeOf(each)));
  return `${value.op.name}(${operands.join(', ')}) ${JSON.stringify(value.attributes)}`;
}

/**
 * The values of a graph for which there is something to choose, one for each key that `known` lacks, or for which it
 * has a lowering that is no candidate: of another version of Graft or of another device. What was `given` is left as it is: where it is
 * wrong, encoding says so.
 */
export function undecided(
  outputs: Iterable<Value>,
  candidates: Candidates,
  known: Choices,
  given: Choices = {},
): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const value of reachable(outputs)) {
    if (Object.keys(value.op.lowerings).length < 2) continue;
    const key = choiceKey(value);
    const names = candidates(value);
    if (key in given || names.includes(known[key] ?? '')) continue;
    if (names.length > 1 || key in known) found.set(key, value);
  }
  return found;
}

const keyPattern = /^(\w+)\((.*)\) (\{.*\})$/;
const operandPattern = /^(constant )?(f32|f64|i32|i64|u8|bool)\[([\d,]*)\]$/;

/** A key taken apart. */
export interface KeyParts {
  /** The name of the primitive. */
  readonly primitive: string;
  readonly operands: readonly (TensorType & { readonly isConstant: boolean })[];
  /** As JSON. */
  readonly attributes: string;
}

/** The parts of a key; undefined where the text is none. */
export function partsOfKey(key: string): KeyParts | undefined {
  const [, primitive, list, attributes] = keyPattern.exec(key) ?? [];
  if (primitive === undefined || list === undefined || attributes === undefined) return undefined;
  const texts = list === '' ? [] : list.split(', ');
  const operands = texts.flatMap((text) => {
    const [, constantly, dtype, sizes] = operandPattern.exec(text) ?? [];
    if (dtype === undefined) return [];
    const shape = sizes ? sizes.split(',').map(Number) : [];
    return [{ dtype: dtype as DType, shape, isConstant: constantly !== undefined }];
  });
  return operands.length < texts.length ? undefined : { primitive, operands, attributes };
}

/**
 * A value with this key, over new inputs and constants: what is to be timed, from its key alone. Undefined where the
 * text is not the key of a primitive.
 */
export function valueOfKey(key: string): Value | undefined {
  const parts = partsOfKey(key);
  const primitive = parts && primitives().get(parts.primitive);
  if (!primitive) return undefined;
  const inputs = parts.operands.map(({ dtype, shape, isConstant }, i) =>
    isConstant ? constant(sampleTensor({ dtype, shape }), `c${i}`) : input(`x${i}`, dtype, shape),
  );
  try {
    const value = makeValue(primitive, inputs, JSON.parse(parts.attributes));
    return choiceKey(value) === key ? value : undefined;
  } catch {
    return undefined; // written by hand, or by another version: the attributes are not this primitive's
  }
}

/**
 * Numbers to time with. Zeros would be a special case for the processor; beyond that they do not matter but to kernels that
 * branch, as a max-pool with indices, which takes a third of its time where a processor has learnt when they are repeated.
 */
export function sampleTensor({ dtype, shape }: TensorType): Tensor {
  if (dtype !== 'f32') return zeros(dtype, shape);
  const data = new Float32Array(sizeOf(shape));
  let state = 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0; // the linear congruential generator of Numerical Recipes
    data[i] = state / 2 ** 32;
  }
  return tensor('f32', shape, data);
}
