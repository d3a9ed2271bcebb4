/*
 * The way from a folder of images to a classifier. Each topic has an entry of its own beside this one, `graft-ml/nn`, `graft-ml/ops`,
 * `graft-ml/optim` and so on, with the names of the entry in `@graft-ml/core` and those that need Node. `internal/*` is for the packages
 * of Graft and makes no promise.
 */
export * from '@graft-ml/core';
export { type Dataset, findImages, findLabelledImages, formatProblems, openDataset } from './entries/data.ts';
export {
  accuracy,
  createModel,
  createTrainer,
  type FitOptions,
  f1Score,
  fit,
  generatorDataset,
  type ImageFolder,
  imageFolder,
  type LoadModelOptions,
  loadModel,
  type Metric,
  Model,
  meanAbsoluteError,
  meanMetric,
  meanSquaredError,
  multilabelAccuracy,
  randomSplit,
  Trainer,
  type TrainerOptions,
  tensorDataset,
  topK,
} from './entries/fit.ts';
export { adaptMeta, compareLearners, readMetaRun, resumeMeta, testMeta, trainMeta } from './entries/meta.ts';
export {
  applyModel,
  getModel,
  listModels,
  type NamedArchitecture,
  type Preprocessing,
  pretrainedConfig,
  type WeightsEntry,
} from './entries/models.ts';
export { bceWithLogitsLoss, crossEntropyLoss, huberLoss, type Loss, l1Loss, mseLoss } from './entries/nn.ts';
export { adam, adamw, constant, cosine, oneCycle, sgd } from './entries/optim.ts';
export {
  type Classification,
  Classifier,
  type ClassifierInput,
  describePrediction,
  evaluateFolder,
  exportClassifier,
  type FeatureVector,
  type Metrics,
  measure,
  openModel,
  openRun,
  type Prediction,
  wilsonInterval,
  writeFeatures,
  writePredictions,
} from './entries/predict.ts';
export { createRuntime, defaultCache, type FolderCache, folderCache } from './entries/runtime.ts';
export { type FolderEvent, readRun, resumeTraining, type TrainConfigInput, trainFolder } from './entries/train.ts';
export { fetchWeights, readSafetensorsFile, resolveWeights, writeSafetensorsFile } from './entries/weights.ts';
