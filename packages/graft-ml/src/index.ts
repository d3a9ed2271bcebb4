/**
 * The way from a folder of images to a classifier, and the everyday names of `@graft-ml/core`. Each topic has an entry
 * of its own beside this one, `graft-ml/nn`, `graft-ml/ops`, `graft-ml/optim` and so on, with the names of the entry
 * in `@graft-ml/core` and those that need Node. `internal/*` is for the packages of Graft and may change at any time.
 *
 * @module graft-ml
 */
export * from '@graft-ml/core';
export { type Dataset, findImages, findLabelledImages, openDataset } from './entries/data.ts';
export {
  type Classification,
  Classifier,
  type ClassifierInput,
  calibrateRun,
  compareRuns,
  describePrediction,
  evaluateFolder,
  type FeatureVector,
  type FolderEvaluation,
  openModel,
  openRun,
  type Prediction,
  writeFeatures,
  writePredictions,
} from './entries/evaluate.ts';
export { exportClassifier } from './entries/export.ts';
export {
  checkpointFolder,
  createModel,
  type ImageFolder,
  imageFolder,
  type LoadModelOptions,
  loadModel,
  Model,
} from './entries/fit.ts';
export { adaptMeta, compareLearners, readMetaRun, resumeMeta, testMeta, trainMeta } from './entries/meta.ts';
export { createRuntime, defaultCache, type FolderCache, folderCache } from './entries/runtime.ts';
export { type FolderEvent, readRun, resumeTraining, trainFolder } from './entries/train.ts';
export { fetchWeights, readSafetensorsFile, resolveWeights, writeSafetensorsFile } from './entries/weights.ts';
