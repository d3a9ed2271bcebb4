import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { writeNode } from './onnx-wire.ts';

const float = 1;
/** What makes the output; no kernel of the model's own. */
export const sequenceOperator = 'SequenceEmpty';

/**
 * The same model with one more output before its own: an empty sequence of tensors. What is written here is a model with
 * nothing but that; a message of protobuf that is followed by another of its type is one with the fields of both.
 */
export function withSequenceOutput(model: Uint8Array, name: string): Uint8Array {
  const w = new BinaryWriter();
  w.tag(7, WireType.LengthDelimited).fork(); // GraphProto
  writeNode(w, { name: undefined, operator: sequenceOperator, domain: '', inputs: [], outputs: [name] }, [], () => {});
  w.tag(12, WireType.LengthDelimited).fork(); // an output
  w.tag(1, WireType.LengthDelimited).string(name);
  w.tag(2, WireType.LengthDelimited).fork(); // TypeProto
  w.tag(4, WireType.LengthDelimited).fork(); // TypeProto.Sequence
  w.tag(1, WireType.LengthDelimited).fork(); // TypeProto
  w.tag(1, WireType.LengthDelimited).fork(); // TypeProto.Tensor
  w.tag(1, WireType.Varint).int32(float);
  w.join().join().join().join().join().join();
  const sequence = w.finish();
  const both = new Uint8Array(sequence.length + model.length);
  both.set(sequence);
  both.set(model, sequence.length);
  return both;
}
