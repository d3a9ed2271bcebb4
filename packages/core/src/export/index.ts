export {
  type ExportFiles,
  type ExportInput,
  type FormatRule,
  formats,
  type WeightsOrigin,
} from './formats.ts';
export { exportMetadata, type ModelFacts } from './metadata.ts';
export {
  type ExportDtype,
  type ExportFormat,
  exportDtypes,
  exportFormats,
  type PreprocessingPlace,
  preprocessingPlaces,
} from './names.ts';
export { type ExportSource, networkModel, type OnnxForm } from './network-model.ts';
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
