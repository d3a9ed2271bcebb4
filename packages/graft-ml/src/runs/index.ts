export {
  type CheckpointName,
  checkpointFile,
  checkpoints,
  hasCheckpoint,
  type Last,
  orElse,
  readBest,
  readLast,
  readRunCheckpoint,
  variablesOfState,
} from './checkpoints.ts';
export { type ConfigFile, readConfigFile, readConfigFileOf } from './config-file.ts';
export {
  areOwnPaths,
  isWeightsFile,
  type NamedPaths,
  type PathRecord,
  signPaths,
  usablePaths,
} from './own-paths.ts';
export { closing, recorded } from './recording.ts';
export {
  assertUnchanged,
  newRecord,
  type Run,
  type RunKind,
  type RunRecord,
  readRun,
  readRunOf,
  runRecordSchema,
  trainingRuns,
} from './run-file.ts';
export { assertEmpty, assertNewRun, RunFolder, type RunParts } from './run-folder.ts';
export { type OpenRunStore, openRunStore, ownOnnx, type RunStore } from './run-store.ts';
