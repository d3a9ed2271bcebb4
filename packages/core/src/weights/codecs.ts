import { UserError } from '../base/errors.ts';
import { fromBrainFloat, fromHalf } from '../base/half.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../base/tensor.ts';

/** Converts elements of one type in a file to a tensor. */
export interface Codec {
  /** Bytes per element. */
  readonly width: number;
  /**
   * `bytes` holds exactly the shape's elements, little-endian and aligned to them; the tensor is a view of it where it
   * can be.
   */
  readonly decode: (shape: Shape, bytes: Uint8Array) => Tensor;
}

/**
 * Codecs by safetensors' names of the types. A type that Graft does not compute with becomes one that holds its every
 * value.
 */
export const codecs: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  [
    'F64',
    { width: 8, decode: (shape, b) => tensor('f64', shape, new Float64Array(b.buffer, b.byteOffset, sizeOf(shape))) },
  ],
  [
    'F32',
    { width: 4, decode: (shape, b) => tensor('f32', shape, new Float32Array(b.buffer, b.byteOffset, sizeOf(shape))) },
  ],
  ['F16', { width: 2, decode: (shape, b) => tensor('f32', shape, fromHalf(words(b))) }],
  ['BF16', { width: 2, decode: (shape, b) => tensor('f32', shape, fromBrainFloat(words(b))) }],
  [
    'I64',
    { width: 8, decode: (shape, b) => tensor('i64', shape, new BigInt64Array(b.buffer, b.byteOffset, sizeOf(shape))) },
  ],
  [
    'I32',
    { width: 4, decode: (shape, b) => tensor('i32', shape, new Int32Array(b.buffer, b.byteOffset, sizeOf(shape))) },
  ],
  [
    'I16',
    {
      width: 2,
      decode: (shape, b) =>
        tensor('i32', shape, Int32Array.from(new Int16Array(b.buffer, b.byteOffset, sizeOf(shape)))),
    },
  ],
  [
    'I8',
    {
      width: 1,
      decode: (shape, b) => tensor('i32', shape, Int32Array.from(new Int8Array(b.buffer, b.byteOffset, sizeOf(shape)))),
    },
  ],
  ['U8', { width: 1, decode: (shape, b) => tensor('u8', shape, b) }],
  ['BOOL', { width: 1, decode: (shape, b) => tensor('bool', shape, expectBooleans(b)) }],
]);

/**
 * The length in bytes; Infinity where it is beyond the whole numbers that JavaScript holds exactly. No file is that
 * long.
 */
export function byteLength(shape: Shape, width: number): number {
  let length = width;
  for (const dimension of shape) {
    length *= dimension;
    if (!Number.isSafeInteger(length)) return Number.POSITIVE_INFINITY;
  }
  return length;
}

function words(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

function expectBooleans(bytes: Uint8Array): Uint8Array {
  if (bytes.some((byte) => byte > 1)) throw new UserError('its type is BOOL, but a byte is neither 0 nor 1');
  return bytes;
}
