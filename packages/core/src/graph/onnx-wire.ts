import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Shape } from '../base/tensor.ts';

/*
 * The messages of onnx.proto that Graft writes: of models that it encodes, and of those that exports change. Types are
 * numbers of `TensorProto.DataType`.
 */

/** An integer, a list of integers, a string, or a float (wrapped, because 1 and 1.0 are the same number here). */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** `AttributeProto.AttributeType` of onnx.proto. */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 };
const irVersion = 8;

/** A NodeProto without its attributes. */
export interface NodeFields {
  /** Undefined for none. */
  readonly name: string | undefined;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A TensorProto, its numbers as raw bytes. */
export interface TensorFields {
  readonly name: string;
  readonly type: number;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/** Writes a node of a graph, each of its attributes by `write`. */
export function writeNode<A>(
  w: BinaryWriter,
  node: NodeFields,
  attributes: Iterable<readonly [key: string, attribute: A]>,
  write: (w: BinaryWriter, key: string, attribute: A) => void,
): void {
  const { name, operator, domain, inputs, outputs } = node;
  w.tag(1, WireType.LengthDelimited).fork();
  for (const input of inputs) w.tag(1, WireType.LengthDelimited).string(input);
  for (const output of outputs) w.tag(2, WireType.LengthDelimited).string(output);
  if (name !== undefined) w.tag(3, WireType.LengthDelimited).string(name);
  w.tag(4, WireType.LengthDelimited).string(operator);
  for (const [key, attribute] of attributes) write(w, key, attribute);
  if (domain) w.tag(7, WireType.LengthDelimited).string(domain);
  w.join();
}

/** Writes an attribute of the node that is being written. */
export function writeAttribute(w: BinaryWriter, name: string, attribute: OnnxAttribute): void {
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

/** Writes a tensor as field 5 of a graph or of an attribute, in pieces. */
export type TensorWriter = (tensor: TensorFields) => readonly Uint8Array[];

/**
 * In two pieces: what comes before its numbers, and these as they are. A writer would copy them several times over.
 */
export function tensorField(tensor: TensorFields): readonly [Uint8Array, Uint8Array] {
  const { bytes } = tensor;
  const before = startOf(tensor).tag(9, WireType.LengthDelimited).uint32(bytes.length).finish();
  return [headerOf(before.length + bytes.length, before), bytes];
}

/** Without its numbers, which are the content of the file at `location`. */
export function externalTensorField(tensor: TensorFields, location: string): readonly [Uint8Array] {
  const w = startOf(tensor);
  w.tag(13, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string('location');
  w.tag(2, WireType.LengthDelimited).string(location).join();
  const external = 1;
  const fields = w.tag(14, WireType.Varint).int32(external).finish();
  return [headerOf(fields.length, fields)];
}

function startOf({ name, type, shape }: TensorFields): BinaryWriter {
  const fields = new BinaryWriter();
  for (const dimension of shape) fields.tag(1, WireType.Varint).int64(dimension);
  return fields.tag(2, WireType.Varint).int32(type).tag(8, WireType.LengthDelimited).string(name);
}

/** A field 5 of so many bytes, of which these are the first. */
function headerOf(length: number, first: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(5, WireType.LengthDelimited).uint32(length).raw(first).finish();
}

/** Writes an input (field 11) or an output (12) of a graph. A size that is open is written by its name. */
export function writeSlot(
  w: BinaryWriter,
  field: number,
  name: string,
  type: number,
  shape: readonly (number | string)[],
): void {
  w.tag(field, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string(name);
  w.tag(2, WireType.LengthDelimited).fork(); // TypeProto
  w.tag(1, WireType.LengthDelimited).fork(); // TypeProto.Tensor
  w.tag(1, WireType.Varint).int32(type);
  w.tag(2, WireType.LengthDelimited).fork(); // TensorShapeProto
  for (const dimension of shape) {
    w.tag(1, WireType.LengthDelimited).fork();
    if (typeof dimension === 'string') w.tag(2, WireType.LengthDelimited).string(dimension);
    else w.tag(1, WireType.Varint).int64(dimension);
    w.join();
  }
  w.join().join().join().join();
}

/** Gives the graph that is being written its name, which ONNX requires. */
export function writeGraphName(graph: BinaryWriter): void {
  graph.tag(2, WireType.LengthDelimited).string('graft');
}

/** The model of a graph whose nodes, inputs and outputs are written. Of its tensors it has the pieces. */
export function writeModel(
  graph: BinaryWriter,
  tensors: readonly Uint8Array[],
  opsets: Iterable<readonly [domain: string, version: number]>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const rest = graph.finish();
  const length = tensors.reduce((sum, piece) => sum + piece.length, rest.length);
  const model = new BinaryWriter();
  model.tag(1, WireType.Varint).int64(irVersion);
  model.tag(2, WireType.LengthDelimited).string('graft');
  const before = model.tag(7, WireType.LengthDelimited).uint32(length).finish();
  for (const [domain, version] of opsets) {
    model.tag(8, WireType.LengthDelimited).fork();
    model.tag(1, WireType.LengthDelimited).string(domain);
    model.tag(2, WireType.Varint).int64(version).join();
  }
  for (const [key, text] of Object.entries(metadata)) {
    model.tag(14, WireType.LengthDelimited).fork();
    model.tag(1, WireType.LengthDelimited).string(key);
    model.tag(2, WireType.LengthDelimited).string(text).join();
  }
  return concatenated([before, ...tensors, rest, model.finish()]);
}

/** The pieces in one array. */
export function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
