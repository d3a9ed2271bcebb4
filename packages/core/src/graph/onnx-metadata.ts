import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../base/errors.ts';

/** The field of ModelProto that holds texts by name, and the fields of each. */
const field = { entry: 14, key: 1, value: 2 } as const;

/**
 * The metadata of an ONNX model, without a look at its graph: what a page needs that only runs it.
 *
 * @throws UserError where the bytes are no model
 */
export function readOnnxMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = Object.create(null);
  try {
    for (const { number, content } of fieldsOf(bytes)) {
      if (number !== field.entry) continue;
      const texts = new Map([...fieldsOf(content)].map((one) => [one.number, new TextDecoder().decode(one.content)]));
      metadata[texts.get(field.key) ?? ''] = texts.get(field.value) ?? '';
    }
  } catch (cause) {
    throw new UserError('ONNX: the file is damaged, or not an ONNX model.', { cause });
  }
  return metadata;
}

/** The fields of a message that have a length. */
function* fieldsOf(message: Uint8Array): Generator<{ readonly number: number; readonly content: Uint8Array }> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) yield { number, content: reader.bytes() };
    else reader.skip(wire, number);
  }
}
