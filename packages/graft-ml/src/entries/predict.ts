export * from '@graft-ml/core/predict';
export type { OpenModelOptions, PretrainedModel } from '../predict/classifier.ts';
export type { SeenImages } from '../predict/evaluate-folder.ts';
export {
  Classifier,
  type ClassifierInput,
  type ClassifierOptions,
  type ComputeFeaturesOptions,
  computeFeatures,
  type DescribedPrediction,
  describePrediction,
  type EvaluateOptions,
  type Exported,
  type ExportOptions,
  evaluateFolder,
  exportClassifier,
  type FeatureTable,
  type FolderEvaluation,
  type OpenRunOptions,
  openModel,
  openRun,
  type Part,
  type PredictFilesOptions,
  predictFiles,
  writeFeatures,
  writePredictions,
} from '../predict/index.ts';
