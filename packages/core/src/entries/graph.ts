/**
 * Programs as graphs of values: inputs, constants, types, printing, and writing them as ONNX.
 *
 * @module @graft-ml/core/graph
 */
export {
  type Attribute,
  type Attributes,
  type ChooseLowering,
  constant,
  constantTensor,
  type EncodedGraph,
  type EncodeOptions,
  encode,
  type Feature,
  type Features,
  input,
  inputName,
  inputsLike,
  type Lowering,
  type Memory,
  type NodeOwner,
  type Numbers,
  type OnnxAttribute,
  type OnnxBuilder,
  type OnnxBuilderOptions,
  type OnnxNode,
  type Primitive,
  print,
  reachable,
  type TensorFields,
  type TensorWriter,
  typecheck,
  type Value,
} from '../graph/index.ts';
