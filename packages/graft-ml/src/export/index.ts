export type { DtypeComparison, DtypeRow } from './compare-dtypes.ts';
export {
  type Exported,
  type ExportedNetwork,
  type ExportOptions,
  type ExportProgress,
  exportClassifier,
} from './export-classifier.ts';
export { type ExportRunOptions, exportPath, exportRun } from './export-run.ts';
export type { CalibrationOptions, KeepFp32, Quantisation } from './int8.ts';
export type { HeldOutResult, KeptChoice } from './keep-layers.ts';
export { type ModelCardOptions, modelCard } from './model-card.ts';
export type { ImageDifference, LikeliestClass, Verification, VerifiedDtype, VerifiedEngine } from './verification.ts';
export { type VerifyOptions, verifyExport } from './verify-export.ts';
export type { ExportedFile } from './write-files.ts';
