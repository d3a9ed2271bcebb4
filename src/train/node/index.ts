export { type Backbone, type BackboneOptions, openBackbone, withLayers } from './backbone.ts';
export {
  type CheckpointName,
  checkpoints,
  type Last,
  orElse,
  readBest,
  readLast,
  variablesOfState,
} from './checkpoints.ts';
export { type ConfigFile, readConfigFile, readConfigFileOf } from './config-file.ts';
export { type CreateModelOptions, createModel, namesFor, type ReadyModel } from './create-model.ts';
export {
  type CrossValidationEvent,
  type FoldEvent,
  type FoldsEvent,
  holdsFolds,
  resumeFolds,
  trainFolds,
} from './cross-validation.ts';
export { type FindRateOptions, type FoundRates, findFolderRate } from './find-rate.ts';
export {
  areOwnPaths,
  isWeightsFile,
  type NamedPaths,
  type PathRecord,
  signPaths,
  usablePaths,
} from './own-paths.ts';
export { meanColour, pictureSource, type SeededAugmentation } from './picture-source.ts';
export { type Preparation, type PrepareOptions, unlessAborted } from './prepare.ts';
export {
  allVariables,
  type Checkpoint,
  checkpointOf,
  describeCheckpoint,
  imagesIn,
  outputsOf,
  readCheckpoint,
  runSeenSchema,
  seenIn,
  weightsFor,
} from './pretrained.ts';
export { closing, recorded } from './recording.ts';
export {
  newRecord,
  type Run,
  type RunKind,
  type RunRecord,
  readRun,
  readRunOf,
  refuseChanged,
  runRecordSchema,
  trainingRuns,
} from './run-file.ts';
export { assertEmpty, RunFolder, type RunParts, refuseOut } from './run-folder.ts';
export { lockRun, type RunLock } from './run-lock.ts';
export { assertNoLinks, makeRunFolder, type OpenRunStore, openRunStore, ownOnnx, type RunStore } from './run-store.ts';
export {
  type CancelledEvent,
  type DamageEvent,
  type FolderEvent,
  type ReadyEvent,
  type ResumeOptions,
  resumeTraining,
  type TrainFolderOptions,
  trainFolder,
  withAbsolutePaths,
} from './train-folder.ts';
