export type { ActivationRange } from './activation-range.ts';
export {
  type ActivationRanges,
  type CalibrateOptions,
  calibrate,
  type OnnxSession,
  type OpenOnnx,
} from './calibrate.ts';
export { foldBatchNorms } from './fold-batch-norms.ts';
export { type FormModelOptions, formModel } from './form-model.ts';
export {
  type ExportFiles,
  type ExportInput,
  type FormatRule,
  formats,
  type NetworkFile,
  type WeightsOrigin,
} from './formats.ts';
export type { ImageForm, NetworkForm, OnnxForm } from './forms.ts';
export { halfModel } from './half-model.ts';
export { type LayerError, layerErrors } from './layer-errors.ts';
export { exportMetadata, type ModelFacts } from './metadata.ts';
export {
  type CalibrationMethod,
  calibrationMethods,
  type ExportBatch,
  type ExportDtype,
  type ExportDtypes,
  type ExportFormat,
  exportDtypes,
  exportFormats,
  hasNetwork,
  type PreprocessingPlace,
  preprocessingPlaces,
  type WeightBits,
  weightBitChoices,
} from './names.ts';
export { type ExportSource, networkModel } from './network-model.ts';
export {
  bytesOf,
  type OnnxModel,
  type OnnxSlot,
  type OnnxTensor,
  type OnnxType,
  onnxTensor,
} from './onnx-model.ts';
export { openBatch } from './open-batch.ts';
export { type QuantiseOptions, quantisableLayers, quantise } from './quantise.ts';
export { readOnnxModel } from './read-model.ts';
export { withPreprocessing } from './with-preprocessing.ts';
export { writeOnnx } from './write-model.ts';
