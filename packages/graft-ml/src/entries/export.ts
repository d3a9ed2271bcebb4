/**
 * Trained runs as files that others open.
 *
 * @module graft-ml/export
 */
export type { CardFormat } from '@graft-ml/core/internal/export/card-usage';
export {
  type CalibrationMethod,
  calibrationMethods,
  type ExportBatch,
  type ExportDtype,
  type ExportDtypes,
  type ExportFormat,
  exportDtypes,
  exportFormats,
  type ImageForm,
  type LayerError,
  type NetworkForm,
  type OnnxForm,
  type PreprocessingPlace,
  preprocessingPlaces,
  type WeightBits,
  weightBitChoices,
} from '@graft-ml/core/internal/export/index';
export {
  type CalibrationOptions,
  type DtypeComparison,
  type DtypeRow,
  type Exported,
  type ExportedFile,
  type ExportedNetwork,
  type ExportOptions,
  type ExportProgress,
  type ExportRunOptions,
  exportClassifier,
  exportRun,
  type HeldOutResult,
  type ImageDifference,
  type KeepFp32,
  type KeptChoice,
  type LikeliestClass,
  type ModelCardOptions,
  modelCard,
  type Quantisation,
  type Verification,
  type VerifiedDtype,
  type VerifiedEngine,
  type VerifyOptions,
  verifyExport,
} from '../export/index.ts';
