import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { type DType, type Tensor, type TensorType, tensor } from '../base/tensor.ts';
import {
  type NodeFields,
  type OnnxAttribute,
  type TensorWriter,
  tensorField,
  writeAttribute,
  writeGraphName,
  writeModel,
  writeNode,
  writeSlot,
} from './onnx-wire.ts';

/**
 * Kernels that only some builds of ORT have, or have in one form: blocked convolutions (`com.microsoft.nchwc`) with 8
 * or with 16 channels in a block, a convolution that adds a tensor to its result, and a product with a transposed operand.
 */
export type Feature = 'nchwc8' | 'nchwc16' | 'fusedConvSum' | 'fusedMatMul';
export type Features = ReadonlySet<Feature>;

/** A node that was added: ask for the outputs that are wanted, by position. */
export interface OnnxNode {
  output(index: number): string;
}

/** Numbers of the longest constants that are compared by content. */
const mostCompared = 512;

const opset = 18;
/** ORT's own operators (FusedMatMul and the blocked convolutions): the two domains every CPU build of it knows. */
const domains: Readonly<Record<string, number>> = { '': opset, 'com.microsoft': 1, 'com.microsoft.nchwc': 1 };

/** `TensorProto.DataType` of onnx.proto. */
export const dataType: { readonly [D in DType]: number } = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f64: 11 };

/**
 * Collects the nodes of one ONNX model. Equal nodes (same operator, inputs and attributes) are added once, so that
 * `MaxPool` and its indices, or a factor two gradients share, cost one kernel.
 */
export class OnnxBuilder {
  /** The initializers, in pieces. */
  readonly #tensors: Uint8Array[] = [];
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #constants = new Map<string | Tensor, string>();
  readonly #onCpu = new Set<string>();
  /**
   * Whether the graph is for a device beside the CPU. All its nodes have names then, and ORT's own operators that only the
   * CPU has are to be avoided.
   */
  readonly isBesideCpu: boolean;
  /** Of the device that the graph is for; none where any may run it. */
  readonly features: Features;
  #names = 0;
  #owner: NodeOwner | undefined;
  readonly #writeTensor: TensorWriter;

  constructor({ isBesideCpu = false, features = new Set(), writeTensor = tensorField }: OnnxBuilderOptions = {}) {
    this.isBesideCpu = isBesideCpu;
    this.features = features;
    this.#writeTensor = writeTensor;
  }

  /**
   * The nodes that are added from here on belong to this owner, and are named after it. Beside the CPU they are shared
   * only between owners of one name; elsewhere a node keeps the name of its first owner.
   */
  begin(owner: NodeOwner): void {
    this.#owner = owner;
  }

  /** The names of the nodes that are for the CPU. */
  get onCpu(): readonly string[] {
    return [...this.#onCpu];
  }

  /** Adds a node, or finds the one that is there. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    domain = '',
  ): OnnxNode {
    const owner = this.#owner;
    const key = JSON.stringify([operator, domain, inputs, attributes, this.isBesideCpu && owner?.name]);
    let entry = this.#nodes.get(key);
    if (!entry) {
      const name = owner && `${owner.name}/${operator}/${this.#nodes.size}`;
      entry = { name, operator, domain, inputs, outputs: [], attributes };
      this.#nodes.set(key, entry);
    }
    if (owner?.isOnCpu) this.#onCpu.add(entry.name!);
    const { outputs } = entry;
    return {
      output: (index) => {
        while (outputs.length < index) outputs.push(''); // an empty name is an output that is not used
        outputs[index] ||= this.#fresh();
        return outputs[index];
      },
    };
  }

  /** The single output of a node. */
  emit(
    operator: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    domain = '',
  ): string {
    return this.node(operator, inputs, attributes, domain).output(0);
  }

  /** The inputs of the node that computes a value; undefined for inputs of the graph and constants. */
  inputsOf(name: string): readonly string[] | undefined {
    return [...this.#nodes.values()].find(({ outputs }) => outputs.includes(name))?.inputs;
  }

  /** An initializer with these numbers, under a name of its own or a made-up one. */
  constant(value: Tensor, ownName?: string): string {
    const { dtype, shape, data } = value;
    // Small ones (axes, shapes, scalars) are shared by content; comparing large ones would cost more than it saves, so
    // they are shared where they are one object.
    const isSmall = data.length <= mostCompared;
    const key = isSmall ? `${dtype}[${shape}]${[...data].map((x) => (Object.is(x, -0) ? '-0' : x))}` : value;
    const known = ownName === undefined && this.#constants.get(key);
    if (known) return known;
    const name = ownName ?? this.#fresh();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#tensors.push(...this.#writeTensor({ name, type: dataType[dtype], shape, bytes }));
    if (ownName === undefined) this.#constants.set(key, name);
    return name;
  }

  /** A list of integers as an i64 initializer: the axes, shapes and pads that ONNX takes as inputs. */
  integers(values: readonly number[]): string {
    return this.constant(tensor('i64', [values.length], BigInt64Array.from(values, BigInt)));
  }

  /** The finished model. `outputs` maps the public names to the names inside. */
  finish(
    inputs: readonly { name: string; type: TensorType }[],
    outputs: readonly { name: string; type: TensorType; from: string }[],
    metadata: Readonly<Record<string, string>> = {},
  ): Uint8Array {
    const graph = new BinaryWriter();
    this.#dropUnused(outputs.map(({ from }) => from));
    // An operator's first output is never optional, even where only a later one is wanted.
    for (const { outputs: names } of this.#nodes.values()) names[0] ||= this.#fresh();
    // A node that computes an output takes its public name. What is no node's, or has two names, goes through an
    // Identity: ORT keeps that where others use the value too, and copies.
    const computed = new Set([...this.#nodes.values()].flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    const copied = outputs.filter(({ name, from }) => {
      if (!computed.has(from) || renamed.has(from)) return true;
      renamed.set(from, name);
      return false;
    });
    const publicName = (name: string) => renamed.get(name) ?? name;
    for (const node of this.#nodes.values()) {
      const named = { ...node, inputs: node.inputs.map(publicName), outputs: node.outputs.map(publicName) };
      writeNode(graph, named, Object.entries(node.attributes), writeAttribute);
    }
    for (const [i, { name, from }] of copied.entries()) {
      const ownName = this.isBesideCpu ? `copy/Identity/${i}` : undefined;
      if (ownName) this.#onCpu.add(ownName);
      const fields = { name: ownName, operator: 'Identity', domain: '', inputs: [publicName(from)], outputs: [name] };
      writeNode(graph, fields, [], writeAttribute);
    }
    writeGraphName(graph);
    for (const { name, type } of inputs) writeSlot(graph, 11, name, dataType[type.dtype], type.shape);
    for (const { name, type } of outputs) writeSlot(graph, 12, name, dataType[type.dtype], type.shape);
    const used = new Set(['', ...[...this.#nodes.values()].map(({ domain }) => domain)]);
    const opsets = Object.entries(domains).filter(([domain]) => used.has(domain));
    return writeModel(graph, this.#tensors, opsets, metadata);
  }

  /** What a lowering asked for without using it, because it found something better. */
  #dropUnused(wanted: readonly string[]): void {
    const used = new Set(wanted);
    for (const [key, { inputs, outputs }] of [...this.#nodes].reverse()) {
      if (outputs.some((name) => used.has(name))) for (const name of inputs) used.add(name);
      else this.#nodes.delete(key);
    }
  }

  #fresh(): string {
    return `_${this.#names++}`;
  }
}

export interface OnnxBuilderOptions {
  readonly isBesideCpu?: boolean;
  readonly features?: Features;
  readonly writeTensor?: TensorWriter | undefined;
}

/** The primitive that nodes are written for. */
export interface NodeOwner {
  readonly name: string;
  /** Whether its nodes run on the CPU, on a device that is another. */
  readonly isOnCpu?: boolean;
}

interface NodeRecord extends NodeFields {
  readonly outputs: string[];
  readonly attributes: Record<string, OnnxAttribute>;
}
