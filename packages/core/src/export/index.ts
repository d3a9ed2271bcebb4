export { type ExportSource, type NetworkInput, networkModel } from './network-model.ts';
export {
  bytesOf,
  type OnnxModel,
  type OnnxSlot,
  type OnnxTensor,
  type OnnxType,
  onnxTensor,
} from './onnx-model.ts';
export { readOnnxModel } from './read-model.ts';
export { writeOnnx } from './write-model.ts';
