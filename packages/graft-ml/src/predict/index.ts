export { Classifier, type ClassifierInput, type ClassifierOptions, openModel } from './classifier.ts';
export { type EvaluateOptions, evaluateFolder, type FolderEvaluation, type Part } from './evaluate-folder.ts';
export { type Exported, type ExportOptions, exportClassifier } from './export.ts';
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
  type PredictFilesOptions,
  predictFiles,
  writePredictions,
} from './prediction-file.ts';
