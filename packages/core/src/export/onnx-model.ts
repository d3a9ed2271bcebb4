import type { Shape, Tensor } from '../base/tensor.ts';
import type { DecodedModel } from '../graph/decoded.ts';
import { dataType } from '../graph/onnx.ts';

/** The element types of ONNX that exports use: those of Graft, halves, and what quantisation needs. */
export type OnnxType = 'f32' | 'f16' | 'f64' | 'u8' | 'i8' | 'i32' | 'i64' | 'bool';

/** A tensor of an ONNX file: its numbers as they stand there, little-endian. */
export interface OnnxTensor {
  readonly dtype: OnnxType;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/** An input or output of an ONNX model: a size that is open has a name. */
export interface OnnxSlot {
  readonly name: string;
  readonly dtype: OnnxType;
  readonly shape: readonly (number | string)[];
}

/**
 * An ONNX model as plain data, to be changed and written: preprocessing goes before it, halves or quantised numbers into
 * it. Each change is a function from one to another.
 */
export interface OnnxModel extends Pick<DecodedModel, 'opsets' | 'metadata' | 'nodes'> {
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxSlot[];
  readonly outputs: readonly OnnxSlot[];
}

/** `TensorProto.DataType` of onnx.proto. */
export const typeCode: { readonly [T in OnnxType]: number } = { ...dataType, i8: 3, f16: 10 };
const types = new Map((Object.keys(typeCode) as OnnxType[]).map((type) => [typeCode[type], type]));

/** The element type of a number of `TensorProto.DataType`, undefined where exports have none. */
export function typeOfCode(code: number): OnnxType | undefined {
  return types.get(code);
}

/** A tensor as an initializer; the numbers are a view. */
export function onnxTensor({ dtype, shape, data }: Tensor): OnnxTensor {
  return { dtype, shape, bytes: bytesOf(data) };
}

/** The bytes of numbers, a view. */
export function bytesOf(numbers: ArrayBufferView): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
