export { type CalibrateOptions, calibrateRun } from './calibrate-run.ts';
export { Classifier, type ClassifierInput, type ClassifierOptions, openModel } from './classifier.ts';
export {
  type ComparedImage,
  type ComparedRun,
  type CompareRunsOptions,
  compareRuns,
  type RunComparison,
} from './compare-runs.ts';
export { type EvaluateOptions, evaluateFolder, type FolderEvaluation } from './evaluate-folder.ts';
export { type EvaluatedImage, writeEvaluatedImages } from './evaluation-file.ts';
export type { Part, SeenImages } from './evaluation-images.ts';
export {
  assertFeatureFile,
  type ComputeFeaturesOptions,
  computeFeatures,
  type FeatureTable,
  writeFeatures,
} from './feature-file.ts';
export { type JudgedImage, type Mistake, type MistakeSheetOptions, Mistakes } from './mistake-sheet.ts';
export { type OpenRunOptions, openRun } from './open-run.ts';
export {
  assertPredictionFile,
  type DescribedPrediction,
  describePrediction,
  type FilePredictor,
  type PredictFilesOptions,
  predictFiles,
  writePredictions,
} from './prediction-file.ts';
