import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DecodedAttribute } from '../graph/decoded.ts';
import { dataType } from '../graph/onnx.ts';
import {
  attributeType,
  tensorField,
  writeAttribute,
  writeGraphName,
  writeModel,
  writeNode,
  writeSlot,
} from '../graph/onnx-wire.ts';
import { bytesOf, type OnnxModel, typeCode } from './onnx-model.ts';

/**
 * The bytes of a model, as ONNX files have them (IR version 8): initializers as raw bytes, sizes that are open by their
 * names. `readOnnxModel` reads them back.
 */
export function writeOnnx({ opsets, metadata, nodes, initializers, inputs, outputs }: OnnxModel): Uint8Array {
  const graph = new BinaryWriter();
  const tensors = [...initializers].flatMap(([name, { dtype, shape, bytes }]) =>
    tensorField({ name, type: typeCode[dtype], shape, bytes }),
  );
  for (const node of nodes) {
    writeNode(graph, { ...node, name: node.name || undefined }, node.attributes, writeDecodedAttribute);
  }
  writeGraphName(graph);
  for (const { name, dtype, shape } of inputs) writeSlot(graph, 11, name, typeCode[dtype], shape);
  for (const { name, dtype, shape } of outputs) writeSlot(graph, 12, name, typeCode[dtype], shape);
  return writeModel(graph, tensors, opsets, metadata);
}

function writeDecodedAttribute(w: BinaryWriter, key: string, attribute: DecodedAttribute): void {
  switch (attribute.kind) {
    case 'float':
      writeAttribute(w, key, { float: attribute.value });
      break;
    case 'int':
    case 'ints':
    case 'string':
      writeAttribute(w, key, attribute.value);
      break;
    default:
      w.tag(5, WireType.LengthDelimited).fork();
      w.tag(1, WireType.LengthDelimited).string(key);
      writeLongAttribute(w, key, attribute);
      w.join();
  }
}

/** The attributes that no operator of Graft's own has. */
function writeLongAttribute(w: BinaryWriter, key: string, attribute: DecodedAttribute): void {
  const type = (value: number) => w.tag(20, WireType.Varint).int32(value);
  switch (attribute.kind) {
    case 'floats':
      for (const value of attribute.value) w.tag(7, WireType.Bit32).float(value);
      type(attributeType.floats);
      break;
    case 'strings':
      for (const value of attribute.value) w.tag(9, WireType.LengthDelimited).string(value);
      type(attributeType.strings);
      break;
    case 'tensor': {
      const { dtype, shape, data } = attribute.value;
      for (const piece of tensorField({ name: '', type: dataType[dtype], shape, bytes: bytesOf(data) })) w.raw(piece);
      type(attributeType.tensor);
      break;
    }
    default:
      throw new Error(`writeOnnx: the attribute "${key}" was not read`);
  }
}
