import { UserError } from '../base/errors.ts';
import { quote, shown } from '../base/quote.ts';
import { isJsonObject, type JsonObject, parseShallowJson } from '../base/shallow-json.ts';
import { bytesPerElement, type DType, type Shape, sizeOf, type Tensor, type Tensors } from '../base/tensor.ts';
import { byteLength, codecs } from './codecs.ts';

/** The content of a safetensors file. Both records have no prototype, so that any name is an ordinary name. */
export interface Safetensors {
  tensors: Record<string, Tensor>;
  metadata: Record<string, string>;
}

type Bytes = Uint8Array<ArrayBufferLike>;

interface Entry {
  name: string;
  dtype: string;
  shape: Shape;
  begin: number;
  end: number;
}

const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
/**
 * The longest header, in bytes. The reference implementation accepts ten times as much; a model of a thousand tensors
 * has a hundred thousand.
 */
const LONGEST_HEADER = 10_000_000;
/** A shape in an entry in the header. */
const HEADER_DEPTH = 3;

const formatNames: { readonly [D in DType]: string } = {
  f32: 'F32',
  f64: 'F64',
  i32: 'I32',
  i64: 'I64',
  u8: 'U8',
  bool: 'BOOL',
};

/**
 * The tensors and the text metadata of a safetensors file (https://github.com/huggingface/safetensors#format).
 *
 * A tensor is a view of `bytes` where its data lies aligned to its elements, else a copy. F16 and BF16 become f32, I8
 * and I16 become i32. Nothing in the file is trusted: its header is at most 10 MB, no name occurs twice, every length
 * agrees with its shape and dtype, and the tensors fill the data without overlaps or holes. Assumes a little-endian
 * machine, as every browser's is.
 *
 * @throws UserError that says which of these does not hold, and for which tensor.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { header, data } = split(bytes);
  const metadata: Record<string, string> = Object.create(null);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(parseShallowJson(header, HEADER_DEPTH, 'safetensors: the header'))) {
    if (name === METADATA) Object.assign(metadata, parseMetadata(value));
    else entries.push(parseEntry(name, value, data.length));
  }
  checkCoverage(entries, data.length);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const entry of entries) tensors[entry.name] = decode(entry, data);
  return { tensors, metadata };
}

/**
 * A safetensors file of `tensors` and `metadata`. Equal arguments give equal bytes, whatever their order: wide elements
 * come first and names are sorted among equals, so that every tensor can be read back as a view.
 */
export function writeSafetensors(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = Object.entries(tensors).sort(
    ([a, x], [b, y]) => bytesPerElement[y.dtype] - bytesPerElement[x.dtype] || compareText(a, b),
  );
  const fields: [string, unknown][] = [];
  const described = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (described.length > 0) fields.push([METADATA, Object.fromEntries(described)]);
  let length = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === METADATA) throw new UserError(`safetensors: no tensor can have the name ${METADATA}.`);
    if (data.length !== sizeOf(shape)) throw new RangeError(`${name}: ${data.length} elements do not fill [${shape}]`);
    const end = length + data.byteLength;
    fields.push([name, { dtype: formatNames[dtype], shape, data_offsets: [length, end] }]);
    length = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const start = LENGTH_BYTES + Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(start + length).fill(0x20, 0, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true);
  file.set(json, LENGTH_BYTES);
  let offset = start;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

function split(bytes: Bytes): { header: Bytes; data: Bytes } {
  if (bytes.length < LENGTH_BYTES) {
    throw new UserError(`safetensors: ${bytes.length} bytes are too few for a header. The file may be cut short.`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const available = Math.min(LONGEST_HEADER, bytes.length - LENGTH_BYTES);
  if (length > available) {
    throw new UserError(
      `safetensors: the header is said to have ${length} bytes, at most ${available} are possible. ` +
        'The file may be cut short, or not be a safetensors file.',
    );
  }
  const start = LENGTH_BYTES + Number(length);
  return { header: bytes.subarray(LENGTH_BYTES, start), data: bytes.subarray(start) };
}

function parseMetadata(value: unknown): Readonly<Record<string, string>> {
  if (isJsonObject(value) && hasTexts(value)) return value;
  throw new UserError(`safetensors: ${METADATA} must be an object of texts.`);
}

function hasTexts(fields: JsonObject): fields is Readonly<Record<string, string>> {
  return Object.values(fields).every((field) => typeof field === 'string');
}

function parseEntry(name: string, value: unknown, available: number): Entry {
  const { dtype, shape, begin, end } = fieldsOf(name, value);
  const codec = codecs.get(dtype);
  if (!codec) {
    throw new UserError(
      `safetensors: ${quote(name)} has dtype ${quote(dtype)}. Expected one of: ${[...codecs.keys()].join(', ')}.`,
    );
  }
  if (begin > end || end > available) {
    throw new UserError(
      `safetensors: ${quote(name)} lies at bytes ${begin} to ${end} of ${available} bytes of data. The file may ` +
        'be cut short.',
    );
  }
  const needed = byteLength(shape, codec.width);
  if (needed !== end - begin) {
    throw new UserError(
      `safetensors: ${quote(name)}, ${dtype}[${shape}], needs ${needed} bytes and has ${end - begin}.`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/**
 * The fields of an entry in the header, each of its type. They are checked by hand: with zod, what a page loads to read
 * a file is 97 KB instead of 6.
 */
function fieldsOf(name: string, value: unknown): Omit<Entry, 'name'> {
  const wrong = (place: string, expected: string, received: unknown) =>
    new UserError(`safetensors: ${quote(name)}: ${place}expected ${expected}, received ${shown(received)}.`);
  const counts = (field: string, list: unknown) => {
    if (!Array.isArray(list)) throw wrong(`${field}: `, 'a list', list);
    return list.map((each: unknown, i) => {
      if (typeof each === 'number' && Number.isSafeInteger(each) && each >= 0) return each;
      throw wrong(`${field}: ${i}: `, 'a whole number from 0 on', each);
    });
  };
  if (!isJsonObject(value)) throw wrong('', 'an object', value);
  const { dtype, shape, data_offsets: offsets, ...others } = value;
  if (Object.keys(others).length > 0) {
    throw wrong('', 'no fields but dtype, shape and data_offsets', Object.keys(others));
  }
  if (typeof dtype !== 'string') throw wrong('dtype: ', 'a text', dtype);
  const dimensions = counts('shape', shape);
  const [begin, end, third] = counts('data_offsets', offsets);
  if (begin === undefined || end === undefined || third !== undefined) {
    throw wrong('data_offsets: ', 'two numbers', offsets);
  }
  return { dtype, shape: dimensions, begin, end };
}

/** The tensors, in the order of their data, must begin where the one before ends and end with the file. */
function checkCoverage(entries: readonly Entry[], available: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new UserError(
        `safetensors: ${quote(name)} ${fault}: it begins at byte ${begin} of the data, expected ${covered}.`,
      );
    }
    covered = end;
  }
  if (covered !== available) {
    throw new UserError(`safetensors: the tensors have ${covered} bytes, the file has ${available} bytes of data.`);
  }
}

function decode({ name, dtype, shape, begin, end }: Entry, data: Bytes): Tensor {
  const { width, decode } = codecs.get(dtype)!;
  const view = data.subarray(begin, end);
  try {
    return decode(shape, view.byteOffset % width === 0 ? view : new Uint8Array(view));
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`safetensors: ${quote(name)}: ${cause.message}.`, { cause });
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
