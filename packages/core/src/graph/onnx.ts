import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type DType, type Tensor, type TensorType, tensor } from '../base/tensor.ts';

/**
 * Kernels that only some builds of ORT have, or have in one form: blocked convolutions (`com.microsoft.nchwc`) with 8
 * or with 16 channels in a block, and a convolution that adds a tensor to its result.
 */
export type Feature = 'nchwc8' | 'nchwc16' | 'fusedConvSum';
export type Features = ReadonlySet<Feature>;

/** An integer, a list of integers, a string, or a float (wrapped, because 1 and 1.0 are the same number here). */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** A node that was added: ask for the outputs that are wanted, by position. */
export interface OnnxNode {
  output(index: number): string;
}

const opset = 18;
const irVersion = 8;
/** ORT's own operators (FusedMatMul and the blocked convolutions): the two domains every CPU build of it knows. */
const domains: Readonly<Record<string, number>> = { '': opset, 'com.microsoft': 1, 'com.microsoft.nchwc': 1 };

/** `TensorProto.DataType` of onnx.proto. */
export const dataType: { readonly [D in DType]: number } = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f64: 11 };
/** `AttributeProto.AttributeType` of onnx.proto. */
const attributeType = { float: 1, int: 2, string: 3, ints: 7 };

/**
 * Collects the nodes of one ONNX model. Equal nodes (same operator, inputs and attributes) are added once, so that
 * `MaxPool` and its indices, or a factor two gradients share, cost one kernel.
 */
export class OnnxBuilder {
  readonly #graph = new BinaryWriter();
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #constants = new Map<string, string>();
  readonly #onCpu = new Set<string>();
  /**
   * Whether the graph is for a device beside the CPU. Its nodes have names then, and ORT's own operators that only the
   * CPU has are to be avoided.
   */
  readonly isBesideCpu: boolean;
  #names = 0;
  /** An output that is an input is copied for nobody, and needs no device. */
  #owner: NodeOwner = { name: 'copy', isOnCpu: true };

  constructor({ isBesideCpu = false }: { readonly isBesideCpu?: boolean } = {}) {
    this.isBesideCpu = isBesideCpu;
  }

  /**
   * Beside the CPU the nodes that are added from here on belong to this owner, and are shared only between owners of one
   * name.
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
    const owner = this.isBesideCpu ? this.#owner : undefined;
    const key = JSON.stringify([operator, domain, inputs, attributes, owner?.name]);
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

  /** An initializer with these numbers, under a name of its own or a made-up one. */
  constant(value: Tensor, ownName?: string): string {
    const { dtype, shape, data } = value;
    // Small ones (axes, shapes, scalars) are shared by content; comparing large ones would cost more than it saves.
    const isShared = data.length <= 16 && ownName === undefined;
    const key = isShared ? `${dtype}[${shape}]${[...data].map((x) => (Object.is(x, -0) ? '-0' : x))}` : '';
    const known = key && this.#constants.get(key);
    if (known) return known;
    const name = ownName ?? this.#fresh();
    this.#graph.tag(5, WireType.LengthDelimited).fork();
    for (const dimension of shape) this.#graph.tag(1, WireType.Varint).int64(dimension);
    this.#graph.tag(2, WireType.Varint).int32(dataType[dtype]);
    this.#graph.tag(8, WireType.LengthDelimited).string(name);
    this.#graph.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#graph.join();
    if (key) this.#constants.set(key, name);
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
    const graph = this.#graph;
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
      writeNode(graph, { ...node, inputs: node.inputs.map(publicName), outputs: node.outputs.map(publicName) });
    }
    for (const [i, { name, from }] of copied.entries()) {
      const ownName = this.isBesideCpu ? `copy/Identity/${i}` : undefined;
      if (ownName) this.#onCpu.add(ownName);
      writeNode(graph, {
        name: ownName,
        operator: 'Identity',
        domain: '',
        inputs: [publicName(from)],
        outputs: [name],
        attributes: {},
      });
    }
    graph.tag(2, WireType.LengthDelimited).string('graft');
    for (const { name, type } of inputs) writeValueInfo(graph, 11, name, type);
    for (const { name, type } of outputs) writeValueInfo(graph, 12, name, type);

    const model = new BinaryWriter();
    model.tag(1, WireType.Varint).int64(irVersion);
    model.tag(2, WireType.LengthDelimited).string('graft');
    model.tag(7, WireType.LengthDelimited).bytes(graph.finish());
    const used = new Set(['', ...[...this.#nodes.values()].map(({ domain }) => domain)]);
    for (const [domain, version] of Object.entries(domains).filter(([domain]) => used.has(domain))) {
      model.tag(8, WireType.LengthDelimited).fork();
      model.tag(1, WireType.LengthDelimited).string(domain);
      model.tag(2, WireType.Varint).int64(version).join();
    }
    for (const [key, text] of Object.entries(metadata)) {
      model.tag(14, WireType.LengthDelimited).fork();
      model.tag(1, WireType.LengthDelimited).string(key);
      model.tag(2, WireType.LengthDelimited).string(text).join();
    }
    return model.finish();
  }

  #fresh(): string {
    return `_${this.#names++}`;
  }
}

/** The primitive that nodes are written for. */
export interface NodeOwner {
  readonly name: string;
  /** Whether its nodes run on the CPU, on a device that is another. */
  readonly isOnCpu: boolean;
}

interface NodeRecord {
  /** Undefined for none. */
  readonly name: string | undefined;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: string[];
  readonly attributes: Record<string, OnnxAttribute>;
}

function writeNode(w: BinaryWriter, { name, operator, domain, inputs, outputs, attributes }: NodeRecord): void {
  w.tag(1, WireType.LengthDelimited).fork();
  for (const input of inputs) w.tag(1, WireType.LengthDelimited).string(input);
  for (const output of outputs) w.tag(2, WireType.LengthDelimited).string(output);
  if (name !== undefined) w.tag(3, WireType.LengthDelimited).string(name);
  w.tag(4, WireType.LengthDelimited).string(operator);
  for (const [key, attribute] of Object.entries(attributes)) writeAttribute(w, key, attribute);
  if (domain) w.tag(7, WireType.LengthDelimited).string(domain);
  w.join();
}

function writeAttribute(w: BinaryWriter, name: string, attribute: OnnxAttribute): void {
  w.tag(5, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string(name);
  const type = (value: number) => w.tag(20, WireType.Varint).int32(value);
  if (typeof attribute === 'number') {
    w.tag(3, WireType.Varint).int64(attribute);
    type(attributeType.int);
  } else if (typeof attribute === 'string') {
    w.tag(4, WireType.LengthDelimited).string(attribute);
    type(attributeType.string);
  } else if ('float' in attribute) {
    w.tag(2, WireType.Bit32).float(attribute.float);
    type(attributeType.float);
  } else {
    for (const integer of attribute) w.tag(8, WireType.Varint).int64(integer);
    type(attributeType.ints);
  }
  w.join();
}

function writeValueInfo(w: BinaryWriter, field: number, name: string, { dtype, shape }: TensorType): void {
  w.tag(field, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string(name);
  w.tag(2, WireType.LengthDelimited).fork(); // TypeProto
  w.tag(1, WireType.LengthDelimited).fork(); // TypeProto.Tensor
  w.tag(1, WireType.Varint).int32(dataType[dtype]);
  w.tag(2, WireType.LengthDelimited).fork(); // TensorShapeProto
  for (const dimension of shape) {
    w.tag(1, WireType.LengthDelimited).fork();
    w.tag(1, WireType.Varint).int64(dimension).join();
  }
  w.join().join().join().join();
}
