import { type Shape, sizeOf } from '../base/tensor.ts';
import type { DecodedAttribute, DecodedNode } from '../graph/index.ts';
import { bytesOf, type OnnxModel, type OnnxTensor } from './onnx-model.ts';

/** The numbers of an f32 tensor, in place where its bytes are aligned. */
export function floatsOf({ bytes }: OnnxTensor): Float32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(buffer, byteOffset, length / 4);
}

/** The numbers of an i64 tensor that is a shape, axes or positions. */
export function integersOf({ bytes }: OnnxTensor): number[] {
  const { buffer, byteOffset, length } = bytes.slice();
  return Array.from(new BigInt64Array(buffer, byteOffset, length / 8), Number);
}

/** The one number of an f32 constant that has only one. */
export function numberOf(constant: OnnxTensor | undefined): number | undefined {
  if (constant?.dtype !== 'f32' || sizeOf(constant.shape) !== 1) return undefined;
  return floatsOf(constant)[0];
}

export function f32Tensor(shape: Shape, values: Float32Array): OnnxTensor {
  return { dtype: 'f32', shape, bytes: bytesOf(values) };
}

export function i32Tensor(shape: Shape, values: Int32Array): OnnxTensor {
  return { dtype: 'i32', shape, bytes: bytesOf(values) };
}

export function i8Tensor(shape: Shape, values: Int8Array): OnnxTensor {
  return { dtype: 'i8', shape, bytes: bytesOf(values) };
}

export function u8Tensor(shape: Shape, values: Uint8Array): OnnxTensor {
  return { dtype: 'u8', shape, bytes: values };
}

export function i64Tensor(values: readonly number[]): OnnxTensor {
  const numbers = BigInt64Array.from(values, BigInt);
  return { dtype: 'i64', shape: [numbers.length], bytes: bytesOf(numbers) };
}

/** A node of ONNX's own operators, with one output that it is named after. */
export function onnxNode(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, DecodedAttribute>> = {},
): DecodedNode {
  return {
    name: output,
    operator,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
  };
}

/** An integer attribute of a node. */
export function integerAttribute({ attributes }: DecodedNode, name: string, otherwise: number): number {
  const attribute = attributes.get(name);
  return attribute?.kind === 'int' ? attribute.value : otherwise;
}

/** The nodes that read each value. */
function consumersOf({ nodes }: Pick<OnnxModel, 'nodes'>): Map<string, DecodedNode[]> {
  const consumers = new Map<string, DecodedNode[]>();
  for (const node of nodes) {
    for (const name of new Set(node.inputs)) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  }
  return consumers;
}

/** Looks up the one node that reads a value, undefined where there are more, or where it is an output of the model. */
export function onlyConsumerIn(model: OnnxModel): (name: string) => DecodedNode | undefined {
  const consumers = consumersOf(model);
  const results = new Set(model.outputs.map(({ name }) => name));
  return (name) => {
    const readers = consumers.get(name) ?? [];
    return readers.length === 1 && !results.has(name) ? readers[0] : undefined;
  };
}

/** The node that makes each value. */
export function makersOf({ nodes }: Pick<OnnxModel, 'nodes'>): Map<string, DecodedNode> {
  return new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
}

/** Names that no value of a model has yet. */
export class FreshNames {
  readonly #taken: Set<string>;

  constructor({ nodes, initializers, inputs }: OnnxModel) {
    const made = nodes.flatMap(({ outputs }) => outputs);
    this.#taken = new Set([...made, ...initializers.keys(), ...inputs.map(({ name }) => name)]);
  }

  /** The name itself where it is free, else with a number after it. */
  take(name: string): string {
    let fresh = name;
    for (let i = 2; this.#taken.has(fresh); i++) fresh = `${name}_${i}`;
    this.#taken.add(fresh);
    return fresh;
  }
}

/** The model without nodes and initializers that no output depends on. */
export function withoutUnused(model: OnnxModel): OnnxModel {
  const needed = new Set(model.outputs.map(({ name }) => name));
  const nodes = model.nodes
    .toReversed()
    .filter(({ inputs, outputs }) => {
      const isNeeded = outputs.some((name) => needed.has(name));
      if (isNeeded) for (const name of inputs) needed.add(name);
      return isNeeded;
    })
    .reverse();
  const initializers = new Map([...model.initializers].filter(([name]) => needed.has(name)));
  return { ...model, nodes, initializers };
}
