/*
 * The way from a folder to a classifier. Each layer has an entry of its own beside this one: `graft-ml/ops`,
 * `graft-ml/grad`, `graft-ml/nn`, `graft-ml/runtime/node`, and so on.
 */
export { ShapeError, UserError } from './base/errors.ts';
export { version } from './base/version.ts';
export { type Dataset, findImages, findLabelledImages, formatProblems, openDataset } from './data/index.ts';
export { type Metrics, measure, wilsonInterval } from './evaluate/index.ts';
export {
  Classifier,
  describePrediction,
  evaluateFolder,
  exportClassifier,
  type FeatureVector,
  openModel,
  openRun,
  type Prediction,
  writeFeatures,
  writePredictions,
} from './evaluate/node/index.ts';
export { adaptMeta, compareLearners, readMetaRun, resumeMeta, testMeta, trainMeta } from './meta/node/index.ts';
export { applyModel, getModel, type Model, type Preprocessing } from './models/index.ts';
export { createRuntime } from './runtime/node/index.ts';
export { type TrainConfigInput, type TrainEvent, trainConfigSchema } from './train/index.ts';
export {
  createModel,
  type FolderEvent,
  type ReadyModel,
  readRun,
  resumeTraining,
  trainFolder,
} from './train/node/index.ts';
export {
  fetchWeights,
  listModels,
  pretrainedConfig,
  readSafetensorsFile,
  resolveWeights,
  type WeightsEntry,
  writeSafetensorsFile,
} from './weights/index.ts';
