export { decode } from './decode.ts';
export { elementType } from './decode-tensor.ts';
export {
  type DecodedAttribute,
  type DecodedModel,
  type DecodedNode,
  type DecodedSlot,
  describeNode,
} from './decoded.ts';
export { applicableLowerings, type ChooseLowering, type EncodedGraph, type EncodeOptions, encode } from './encode.ts';
export { type ExternalData, externalData, withExternalData } from './external-data.ts';
export type {
  Feature,
  Features,
  NodeOwner,
  OnnxBuilder,
  OnnxBuilderOptions,
  OnnxNode,
} from './onnx.ts';
export { dataType } from './onnx.ts';
export type { OnnxAttribute, TensorFields, TensorWriter } from './onnx-wire.ts';
export { originals } from './originals.ts';
export { print } from './print.ts';
export { typecheck } from './typecheck.ts';
export {
  type Attribute,
  type Attributes,
  type BuildListener,
  buildListener,
  constant,
  constantTensor,
  input,
  inputName,
  inputsLike,
  type Lowering,
  listenToBuilding,
  type Memory,
  makeValue,
  type Numbers,
  type Primitive,
  reachable,
  type TensorType,
  typeOf,
  type Value,
} from './value.ts';
