import { UserError } from '../base/errors.ts';
import { fromBrainFloat, fromHalf } from '../base/half.ts';
import { quote } from '../base/quote.ts';
import { type DType, type DTypeArrays, formatType, type Shape, type Tensor, tensor } from '../base/tensor.ts';
import { type PartBudget, readMessage } from './protobuf.ts';

/** The typed fields of a TensorProto, which stand in for raw bytes; each element type has one of them. */
type TypedField = 'floats' | 'integers' | 'doubles';

/** Converts an ONNX element type to one of ours. */
interface Codec {
  readonly name: string;
  readonly dtype: DType;
  /** Bytes of one element in raw_data. */
  readonly width: number;
  readonly typed: TypedField;
  /** Reads bytes that are aligned and hold exactly the elements. */
  fromRaw(bytes: Uint8Array): DTypeArrays[DType];
  /** Reads the numbers of the typed field. */
  fromTyped(values: Float32Array | Float64Array | BigInt64Array): DTypeArrays[DType];
}

type Constructor<A> = new (buffer: ArrayBufferLike, offset: number, length: number) => A;
const view = <A>(array: Constructor<A> & { readonly BYTES_PER_ELEMENT: number }, bytes: Uint8Array): A =>
  new array(bytes.buffer, bytes.byteOffset, bytes.length / array.BYTES_PER_ELEMENT);
/** Number by number: `from` with a function goes by an iterator, at five times the time. */
function filled<A extends Int32Array | Uint16Array | Uint8Array>(
  array: A,
  values: ArrayLike<number> | BigInt64Array,
): A {
  for (let i = 0; i < array.length; i++) array[i] = Number(values[i]!);
  return array;
}
const toInt32 = (values: ArrayLike<number> | BigInt64Array) => filled(new Int32Array(values.length), values);
const toWords = (values: ArrayLike<number> | BigInt64Array) => filled(new Uint16Array(values.length), values);
const toBytes = (values: ArrayLike<number> | BigInt64Array) => filled(new Uint8Array(values.length), values);
const integers = (values: ArrayLike<number> | BigInt64Array) => values as BigInt64Array;

/** Codecs by `TensorProto.DataType` of onnx.proto. A type that Graft lacks becomes the next wider one. */
const codecs: Readonly<Record<number, Codec>> = {
  1: codec(
    'FLOAT',
    'f32',
    4,
    'floats',
    (b) => view(Float32Array, b),
    (v) => v as Float32Array,
  ),
  2: codec('UINT8', 'u8', 1, 'integers', (b) => b, toBytes),
  3: codec('INT8', 'i32', 1, 'integers', (b) => Int32Array.from(view(Int8Array, b)), toInt32),
  4: codec('UINT16', 'i32', 2, 'integers', (b) => Int32Array.from(view(Uint16Array, b)), toInt32),
  5: codec('INT16', 'i32', 2, 'integers', (b) => Int32Array.from(view(Int16Array, b)), toInt32),
  6: codec('INT32', 'i32', 4, 'integers', (b) => view(Int32Array, b), toInt32),
  7: codec('INT64', 'i64', 8, 'integers', (b) => view(BigInt64Array, b), integers),
  9: codec('BOOL', 'bool', 1, 'integers', (b) => b, toBytes),
  10: codec(
    'FLOAT16',
    'f32',
    2,
    'integers',
    (b) => fromHalf(view(Uint16Array, b)),
    (v) => fromHalf(toWords(v)),
  ),
  11: codec(
    'DOUBLE',
    'f64',
    8,
    'doubles',
    (b) => view(Float64Array, b),
    (v) => v as Float64Array,
  ),
  12: codec('UINT32', 'i64', 4, 'integers', (b) => BigInt64Array.from(view(Uint32Array, b), BigInt), integers),
  13: codec('UINT64', 'i64', 8, 'integers', (b) => view(BigInt64Array, b), integers),
  16: codec(
    'BFLOAT16',
    'f32',
    2,
    'integers',
    (b) => fromBrainFloat(view(Uint16Array, b)),
    (v) => fromBrainFloat(toWords(v)),
  ),
};

function codec(
  name: string,
  dtype: DType,
  width: number,
  typed: TypedField,
  fromRaw: Codec['fromRaw'],
  fromTyped: (values: ArrayLike<number> | BigInt64Array) => DTypeArrays[DType],
): Codec {
  return { name, dtype, width, typed, fromRaw, fromTyped };
}

/** Our element type for one of ONNX, or undefined where there is none. */
export function elementType(code: number): DType | undefined {
  return codecs[code]?.dtype;
}

const largestDimension = 2 ** 31 - 1;
const mostDimensions = 32;

/** The fields of a TensorProto, before anything is allocated for its elements. */
interface Parts {
  name: string;
  readonly dims: number[];
  code: number;
  raw: Uint8Array | undefined;
  readonly typed: { readonly [F in TypedField]: (Float32Array | Float64Array | BigInt64Array)[] };
}

/** The bytes that a tensor's numbers take. @throws UserError where its type or its shape cannot be */
export function bytesOfTensor(name: string, code: number, dims: Shape): number {
  const found = codecs[code];
  if (!found) return fail(name, `has element type ${code}, which Graft does not compute with`);
  return checkedSize(name, dims) * found.width;
}

/**
 * Decodes a TensorProto. Its elements are a view of `bytes` where they are aligned. Half and brain floats become f32,
 * small integers i32, unsigned ones i64.
 * @throws UserError with the tensor's name, where its data does not fill its shape, or lies elsewhere.
 */
export function decodeTensor(bytes: Uint8Array, budget: PartBudget): { name: string; tensor: Tensor } {
  const parts = readParts(bytes, budget);
  const { name, dims, code, raw, typed } = parts;
  const found = codecs[code];
  if (!found) fail(name, `has element type ${code}, which Graft does not compute with`);
  const size = checkedSize(name, dims);
  const wanted = formatType({ dtype: found.dtype, shape: dims });
  let data: DTypeArrays[DType];
  if (raw) {
    if (raw.length !== size * found.width) {
      fail(name, `(${found.name}, ${wanted}) needs ${size * found.width} bytes and has ${raw.length}`);
    }
    data = found.fromRaw(raw.byteOffset % found.width === 0 ? raw : new Uint8Array(raw));
  } else {
    const chunks = typed[found.typed];
    const given = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (given !== size) fail(name, `(${found.name}, ${wanted}) needs ${size} numbers and has ${given}`);
    data = found.fromTyped(joined(chunks, found.typed));
  }
  if (found.dtype === 'bool' && (data as Uint8Array).some((byte) => byte > 1)) {
    fail(name, 'is BOOL, but has a byte that is neither 0 nor 1');
  }
  if (code === 13 && (data as BigInt64Array).some((value) => value < 0n)) fail(name, 'has numbers beyond 2^63');
  return { name, tensor: tensor(found.dtype, dims, data) };
}

function readParts(bytes: Uint8Array, budget: PartBudget): Parts {
  const parts: Parts = {
    name: '',
    dims: [],
    code: 0,
    raw: undefined,
    typed: { floats: [], integers: [], doubles: [] },
  };
  const { typed } = parts;
  const counted = (count: number) => budget.take(count);
  const integers = (count: number) => budget.takeIntegers(count);
  // Numbers of fixed width take no more memory than in the file; one by one, each is an object of its own.
  const stored = (count: number) => (count === 1 ? budget.takeIntegers(1) : undefined);
  let elsewhere = false;
  readMessage(bytes, budget, {
    1: (f) => {
      for (const dimension of f.integers(counted)) parts.dims.push(dimension);
    },
    2: (f) => {
      parts.code = f.integer();
    },
    3: () => {
      fail(parts.name, 'is a segment of a larger tensor, a form that Graft does not read');
    },
    4: (f) => typed.floats.push(f.floats(stored)),
    5: (f) => typed.integers.push(f.bigIntegers(integers)),
    7: (f) => typed.integers.push(f.bigIntegers(integers)),
    8: (f) => {
      parts.name = f.text();
    },
    9: (f) => {
      parts.raw = f.bytes();
    },
    10: (f) => typed.doubles.push(f.doubles(stored)),
    11: (f) => typed.integers.push(f.bigIntegers(integers)),
    14: (f) => {
      elsewhere = f.integer() !== 0;
    },
  });
  if (elsewhere)
    fail(
      parts.name,
      'lies in another file (external data). Open the model by its path, with that file beside it (in a program: ' +
        'readOnnxFile), or save it as one file',
    );
  return parts;
}

function checkedSize(name: string, shape: Shape): number {
  if (shape.length > mostDimensions) fail(name, `has ${shape.length} dimensions`);
  let size = 1;
  for (const dimension of shape) {
    if (dimension < 0 || dimension > largestDimension) fail(name, `has the shape [${shape}]`);
    size *= dimension;
    if (size > Number.MAX_SAFE_INTEGER) fail(name, `has the shape [${shape}], more than any file holds`);
  }
  return size;
}

const arrays = { floats: Float32Array, integers: BigInt64Array, doubles: Float64Array } as const;

function joined<A extends Float32Array | Float64Array | BigInt64Array>(chunks: readonly A[], kind: TypedField): A {
  if (chunks.length === 1) return chunks[0]!;
  const all = new arrays[kind](chunks.reduce((sum, chunk) => sum + chunk.length, 0)) as A;
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk as never, offset);
    offset += chunk.length;
  }
  return all;
}

function fail(name: string, what: string): never {
  throw new UserError(`ONNX: tensor ${quote(name)} ${what}.`);
}
