import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import { asOnnxError, readEntry } from './decode.ts';
import { bytesOfTensor } from './decode-tensor.ts';
import { concatenated } from './onnx-wire.ts';
import { type Field, PartBudget, readMessage } from './protobuf.ts';

/** The location of a tensor's numbers outside the model: `length` bytes from `offset` on in a file beside it. */
export interface ExternalData {
  readonly tensor: string;
  /** A path that begins at the model's folder, as the model says it. Not checked. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** The way to the tensors of a model, by field numbers: ModelProto, GraphProto, and in its nodes AttributeProto. */
interface Route {
  readonly [field: number]: Route | 'tensor';
}
const route: Route = { 7: { 5: 'tensor', 1: { 5: { 5: 'tensor' } } } };

/**
 * The data that a model keeps in other files, in the order in which it names them. @throws UserError where the bytes
 * are no model
 */
export function externalData(model: Uint8Array): ExternalData[] {
  const found: ExternalData[] = [];
  const budget = new PartBudget();
  asOnnxError(() =>
    visit(plain(model), route, budget, (tensor) => {
      const reference = referenceOf(tensor, budget);
      if (reference) found.push(reference);
    }),
  );
  return found;
}

/** The model as one file, with the data of other files put in, in the order of `externalData`. */
export function withExternalData(model: Uint8Array, contents: readonly Uint8Array[]): Uint8Array {
  const budget = new PartBudget();
  let next = 0;
  const chunks = rewritten(plain(model), route, (tensor) =>
    referenceOf(tensor, budget) ? inlined(tensor, contents[next++]!) : undefined,
  );
  return concatenated(chunks ?? [model]);
}

/** The bytes as a plain Uint8Array: a Buffer's `slice` does not copy. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array) => new Uint8Array(buffer, byteOffset, byteLength);

/** Calls `onTensor` for every tensor along a route. */
function visit(bytes: Uint8Array, along: Route, budget: PartBudget, onTensor: (bytes: Uint8Array) => void): void {
  const readers = Object.entries(along).map(([field, next]) => {
    const read = (f: Field) => (next === 'tensor' ? onTensor(f.bytes()) : visit(f.bytes(), next, budget, onTensor));
    return [field, read] as const;
  });
  readMessage(bytes, budget, Object.fromEntries(readers));
}

/** The external data of a TensorProto; undefined where its numbers are in it. */
function referenceOf(tensor: Uint8Array, budget: PartBudget): ExternalData | undefined {
  const entries = new Map<string, string>();
  const dims: number[] = [];
  let name = '';
  let code = 0;
  let isExternal = false;
  readMessage(tensor, budget, {
    1: (f) => {
      for (const dimension of f.integers((count) => budget.take(count))) dims.push(dimension);
    },
    2: (f) => {
      code = f.integer();
    },
    8: (f) => {
      name = f.text();
    },
    13: (f) => {
      const { key, value } = readEntry(f);
      entries.set(key, value);
    },
    14: (f) => {
      isExternal = f.integer() === 1;
    },
  });
  if (!isExternal) return undefined;
  const needed = bytesOfTensor(name, code, dims);
  const number = (key: string, otherwise: number) => {
    const text = entries.get(key) ?? String(otherwise);
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UserError(`ONNX: tensor ${quote(name)} lies in another file, but its ${key} is ${quote(text)}.`);
  };
  const length = number('length', needed);
  if (length !== needed) {
    throw new UserError(
      `ONNX: tensor ${quote(name)} needs ${needed} bytes, and its reference to another file has ${length}.`,
    );
  }
  return { tensor: name, location: entries.get('location') ?? '', offset: number('offset', 0), length };
}

/** A message in pieces, with other tensors in it; undefined where none is another. */
function rewritten(
  bytes: Uint8Array,
  along: Route,
  replace: (tensor: Uint8Array) => Uint8Array[] | undefined,
): Uint8Array[] | undefined {
  const reader = new BinaryReader(bytes);
  const chunks: Uint8Array[] = [];
  let written = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wire] = reader.tag();
    const next = along[field];
    if (next === undefined || wire !== WireType.LengthDelimited) {
      reader.skip(wire, field, 8);
      continue;
    }
    const content = reader.bytes();
    const changed = next === 'tensor' ? replace(content) : rewritten(content, next, replace);
    if (!changed) continue;
    const length = changed.reduce((sum, chunk) => sum + chunk.length, 0);
    const header = new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
    chunks.push(bytes.subarray(written, start), header);
    for (const chunk of changed) chunks.push(chunk);
    written = reader.pos;
  }
  return chunks.length === 0 ? undefined : [...chunks, bytes.subarray(written)];
}

/** A TensorProto with its numbers in it: field 9 in place of 13 and 14. */
function inlined(tensor: Uint8Array, numbers: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(tensor);
  const chunks: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wire] = reader.tag();
    reader.skip(wire, field, 8);
    if (field !== 9 && field !== 13 && field !== 14) chunks.push(tensor.subarray(start, reader.pos));
  }
  const header = new BinaryWriter().tag(9, WireType.LengthDelimited).uint32(numbers.length).finish();
  return [...chunks, header, numbers];
}
