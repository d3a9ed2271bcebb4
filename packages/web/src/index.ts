/**
 * Graft in a browser: training, adapting and looking at images in a page or its worker, with runs in the browser's
 * private file system. The library itself is `@graft-ml/core`.
 *
 * @module @graft-ml/web
 */
export {
  type CollectedImage,
  type CollectionImage,
  CollectionImages,
  type CollectionOptions,
  type ImageCollection,
  type OpenCollection,
  openCollection,
} from './data/collection.ts';
export { canvasDecoder } from './image/canvas-decoder.ts';
export type { CanvasFrame, PageImage } from './image/frame.ts';
export { type Adapted, type AdaptMetaOptions, adaptMeta, type FeatureStart } from './meta/adapt.ts';
export { type TestMetaOptions, testMeta } from './meta/test.ts';
export { type ResumeMetaOptions, readMetaRun, resumeMeta, type TrainMetaOptions, trainMeta } from './meta/train.ts';
export {
  Classifier,
  type ClassifierInput,
  type ClassifierOptions,
  type CollectionEvaluation,
  type EvaluatedImage,
} from './model/classifier.ts';
export type { CollectionLabelIssue } from './model/label-issues.ts';
export {
  type CreateModelOptions,
  createModel,
  type LoadModelOptions,
  loadModel,
  Model,
  type SaveOptions,
} from './model/model.ts';
export { type OpenRunOptions, openRun, readRun } from './model/open-run.ts';
export { keepWeights, keptWeights, type WeightsOptions } from './model/weights.ts';
export { type CheckpointFolderOptions, checkpointFolder, type FitFiles } from './runs/checkpoint-folder.ts';
export { privateCache } from './runs/private-cache.ts';
export { privateRuns } from './runs/private-runs.ts';
export { listRuns, type RunFilesOptions, readRunFiles, removeRun, writeRunFiles } from './runs/runs.ts';
export { servedRuns } from './runs/served-runs.ts';
export { createRuntime, type WebRuntimeOptions } from './runtime/index.ts';
export type { WasmFiles } from './runtime/ort.ts';
export type { PageDataset, TrainImagesOptions } from './train/site.ts';
export { type ResumeImagesOptions, resumeTraining, trainImages } from './train/train-images.ts';
export {
  type CallOptions,
  connectGraft,
  Graft,
  type WorkerAdaptOptions,
  type WorkerClassifier,
  type WorkerOpenOptions,
  type WorkerResumeMetaOptions,
  type WorkerResumeOptions,
  type WorkerTestMetaOptions,
  type WorkerTrainMetaOptions,
  type WorkerTrainOptions,
} from './worker/connect.ts';
export type { WorkerMetaEvent, WorkerMetaReadyEvent } from './worker/work.ts';
