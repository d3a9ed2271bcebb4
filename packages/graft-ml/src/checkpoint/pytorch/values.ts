import type { Codec } from '@graft-ml/core/internal/weights/codecs';

/** A value in a pickle of weights, as data: none of it was run. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | Tuple
  | Dict
  | PickleSet
  | Callable
  | Inert
  | ElementType
  | StorageRef
  | TensorRef
  | UnreadableTensor;

export interface PickleList extends Array<PickleValue> {}

/** A dict or one of its subclasses, in the order of insertion. */
export interface Dict extends Map<PickleValue, PickleValue> {}

export interface Tuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

export interface PickleSet {
  readonly kind: 'set';
  readonly items: PickleValue[];
}

/** A class or function that a pickle may name. `call` is Graft's own reading of it. */
export interface Callable {
  readonly kind: 'callable';
  readonly name: string;
  /** `spend` is to be told of work and memory beyond what the arguments took to read. */
  readonly call: (args: readonly PickleValue[], spend: (units: number) => void) => PickleValue;
}

/** A harmless object that weights are found beside and that is passed over: a NumPy number, the options of a script. */
export interface Inert {
  readonly kind: 'inert';
  readonly name: string;
}

/** The type of a tensor's elements. */
export interface ElementType {
  readonly kind: 'element type';
  /** PyTorch's name of it: float32, complex64. */
  readonly name: string;
  /** Bytes per element. */
  readonly width: number;
  /** Absent for what Graft cannot hold. */
  readonly codec: Codec | undefined;
}

/**
 * The part of a storage that begins at element `first` and has `length` elements; `total` is the whole storage's
 * length.
 */
export interface StorageRef {
  readonly kind: 'storage';
  readonly key: string;
  readonly type: ElementType;
  readonly total: number;
  readonly first: number;
  readonly length: number;
}

/**
 * A tensor whose element (i, j, ...) is number offset + i · strides[0] + j · strides[1] + ... of the storage's part.
 */
export interface TensorRef {
  readonly kind: 'tensor';
  readonly type: ElementType;
  readonly storage: StorageRef;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A tensor that is known for what it is and cannot be used: sparse, quantized, without data. */
export interface UnreadableTensor {
  readonly kind: 'unreadable tensor';
  readonly what: string;
}

export function isTuple(value: PickleValue | undefined): value is Tuple {
  return isKind(value, 'tuple');
}

export function isDict(value: PickleValue | undefined): value is Dict {
  return value instanceof Map;
}

export function isKind<K extends string>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** The kind of a value, for a message. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Map) return 'a dict';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return 'name' in value ? `${value.kind} ${value.name}` : `a ${value.kind}`;
}
