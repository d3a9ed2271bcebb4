import { quote } from '../base/quote.ts';
import type { DType, Tensor } from '../base/tensor.ts';

/** A node's attribute. One with graphs or lists of tensors is recorded as `other` and not read. */
export type DecodedAttribute =
  | { readonly kind: 'int' | 'float'; readonly value: number }
  | { readonly kind: 'ints' | 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'other' };

export interface DecodedNode {
  /** Often empty, and not always unique. */
  readonly name: string;
  readonly operator: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; an empty one stands for an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, DecodedAttribute>;
}

/** An input or output of the graph. */
export interface DecodedSlot {
  readonly name: string;
  /** Undefined where it is no tensor of a type that Graft has. */
  readonly dtype: DType | undefined;
  /** A number, the name of a number, or null where nothing is said. Undefined where even the rank is open. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

/** An ONNX model as plain data. */
export interface DecodedModel {
  readonly producer: string;
  readonly irVersion: number;
  /** The version of each domain of operators; ONNX's own is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Each after those it depends on. */
  readonly nodes: readonly DecodedNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Without those that only give an initializer a type. */
  readonly inputs: readonly DecodedSlot[];
  readonly outputs: readonly DecodedSlot[];
}

/** `Conv node "conv1"`, or by what it makes where it has no name. */
export function describeNode({ operator, domain, name, outputs }: DecodedNode): string {
  const operation = domain === '' ? operator : `${domain}.${operator}`;
  const label = name === '' ? `that makes ${quote(outputs[0] ?? '')}` : quote(name);
  return `${operation.slice(0, 100)} node ${label}`;
}
