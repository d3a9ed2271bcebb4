import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DType, Tensor, Tensors } from '@graft-ml/core/internal/base/tensor';
import { dataType } from '@graft-ml/core/internal/graph/index';

/** An integer, a list of them, a string; floats are wrapped, because 1 and 1.0 are the same number here. */
export type FileAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor };

export interface FileNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
}

export interface FileSlot {
  readonly name: string;
  readonly dtype?: DType;
  readonly shape?: readonly (number | string)[];
}

export interface OnnxFile {
  readonly opset: number;
  readonly nodes: readonly FileNode[];
  readonly initializers?: Tensors;
  readonly inputs: readonly FileSlot[];
  readonly outputs: readonly FileSlot[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An ONNX file as other programs write it: any opset, names of its own, numbers in raw bytes. */
export function onnxFile(file: OnnxFile): Uint8Array {
  const graph = new BinaryWriter();
  for (const node of file.nodes) writeNode(graph, node);
  graph.tag(2, WireType.LengthDelimited).string('test');
  for (const [name, value] of Object.entries(file.initializers ?? {})) writeTensor(graph, 5, value, name);
  for (const slot of file.inputs) writeSlot(graph, 11, slot);
  for (const slot of file.outputs) writeSlot(graph, 12, slot);
  const model = new BinaryWriter();
  model.tag(1, WireType.Varint).int64(file.opset < 9 ? 3 : 8); // the IR version
  model.tag(7, WireType.LengthDelimited).bytes(graph.finish());
  model.tag(8, WireType.LengthDelimited).fork();
  model.tag(1, WireType.LengthDelimited).string('');
  model.tag(2, WireType.Varint).int64(file.opset).join();
  for (const [key, value] of Object.entries(file.metadata ?? {})) {
    model.tag(14, WireType.LengthDelimited).fork();
    model.tag(1, WireType.LengthDelimited).string(key);
    model.tag(2, WireType.LengthDelimited).string(value).join();
  }
  return model.finish();
}

function writeNode(w: BinaryWriter, node: FileNode): void {
  w.tag(1, WireType.LengthDelimited).fork();
  for (const name of node.inputs) w.tag(1, WireType.LengthDelimited).string(name);
  for (const name of node.outputs) w.tag(2, WireType.LengthDelimited).string(name);
  w.tag(3, WireType.LengthDelimited).string(node.name ?? '');
  w.tag(4, WireType.LengthDelimited).string(node.operator);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) writeAttribute(w, name, attribute);
  w.tag(7, WireType.LengthDelimited).string(node.domain ?? '');
  w.join();
}

function writeAttribute(w: BinaryWriter, name: string, attribute: FileAttribute): void {
  w.tag(5, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string(name);
  let type: number;
  if (typeof attribute === 'number') {
    w.tag(3, WireType.Varint).int64(attribute);
    type = 2;
  } else if (typeof attribute === 'string') {
    w.tag(4, WireType.LengthDelimited).string(attribute);
    type = 3;
  } else if ('float' in attribute) {
    w.tag(2, WireType.Bit32).float(attribute.float);
    type = 1;
  } else if ('floats' in attribute) {
    for (const value of attribute.floats) w.tag(7, WireType.Bit32).float(value);
    type = 6;
  } else if ('tensor' in attribute) {
    writeTensor(w, 5, attribute.tensor, '');
    type = 4;
  } else {
    for (const value of attribute) w.tag(8, WireType.Varint).int64(value);
    type = 7;
  }
  w.tag(20, WireType.Varint).int32(type).join();
}

export function writeTensor(w: BinaryWriter, field: number, { dtype, shape, data }: Tensor, name: string): void {
  w.tag(field, WireType.LengthDelimited).fork();
  for (const dimension of shape) w.tag(1, WireType.Varint).int64(dimension);
  w.tag(2, WireType.Varint).int32(dataType[dtype]);
  w.tag(8, WireType.LengthDelimited).string(name);
  w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  w.join();
}

function writeSlot(w: BinaryWriter, field: number, { name, dtype = 'f32', shape }: FileSlot): void {
  w.tag(field, WireType.LengthDelimited).fork();
  w.tag(1, WireType.LengthDelimited).string(name);
  w.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork(); // TypeProto, TypeProto.Tensor
  w.tag(1, WireType.Varint).int32(dataType[dtype]);
  if (shape) {
    w.tag(2, WireType.LengthDelimited).fork();
    for (const dimension of shape) {
      w.tag(1, WireType.LengthDelimited).fork();
      if (typeof dimension === 'number') w.tag(1, WireType.Varint).int64(dimension);
      else w.tag(2, WireType.LengthDelimited).string(dimension);
      w.join();
    }
    w.join();
  }
  w.join().join().join();
}
