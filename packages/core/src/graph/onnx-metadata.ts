import { UserError } from '../base/errors.ts';

/** The field of ModelProto that holds texts by name. */
const entryField = 14;

/**
 * The metadata of an ONNX model, without a look at its graph: what a page or a service needs that only runs it. The
 * fields are read by hand, so that neither loads a library for protobuf.
 *
 * @throws UserError where the bytes are no model
 */
export function readOnnxMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = Object.create(null);
  try {
    for (const { number, content } of fieldsOf(bytes)) {
      if (number !== entryField) continue;
      const texts: string[] = [];
      for (const one of fieldsOf(content)) texts[one.number] = new TextDecoder().decode(one.content);
      const [, key = '', value = ''] = texts;
      metadata[key] = value;
    }
  } catch (cause) {
    throw new UserError('ONNX: the file is damaged, or not an ONNX model.', { cause });
  }
  return metadata;
}

/** The number of bytes of a field of fixed length, by its type on the wire. */
const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** The fields of a message that have a length. @throws RangeError where it is no message */
function* fieldsOf(message: Uint8Array): Generator<{ readonly number: number; readonly content: Uint8Array }> {
  let at = 0;
  const take = (length: number) => {
    const start = at;
    at += length;
    if (at <= message.length) return message.subarray(start, at);
    throw new RangeError('it ends within a field');
  };
  /** Seven bits a byte, the lowest first; the highest bit says that there are more. Too many are a RangeError, too. */
  const varint = (): number => {
    const byte = take(1)[0]!;
    return byte < 128 ? byte : byte - 128 + 128 * varint();
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 2) yield { number: Math.floor(tag / 8), content: take(varint()) };
    else if (wire === 0) varint();
    else take(fixedBytes[wire] ?? Number.POSITIVE_INFINITY); // ONNX has no groups
  }
}
