import type { Shape } from '../base/tensor.ts';
import type { DecodedModel } from '../graph/decoded.ts';

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
