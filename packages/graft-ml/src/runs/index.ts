export { type CheckpointName, checkpointFile, checkpoints } from '@graft-ml/core/internal/fit/checkpoint-files';
export {
  hasCheckpoint,
  type Last,
  orElse,
  readBest,
  readLast,
  readRunCheckpoint,
  variablesOfState,
} from '@graft-ml/core/internal/runs/checkpoints';
export { isWeightsFile, type NamedPaths, type PathRecord } from '@graft-ml/core/internal/runs/named-paths';
export { closing, recorded } from '@graft-ml/core/internal/runs/recording';
export {
  assertUnchanged,
  newRecord,
  type Run,
  type RunKind,
  type RunRecord,
  runRecordSchema,
  trainingRuns,
} from '@graft-ml/core/internal/runs/run-file';
export { assertEmpty, assertNewRun, RunFolder, type RunParts } from '@graft-ml/core/internal/runs/run-folder';
export { type ConfigFile, readConfigFile, readConfigFileOf } from './config-file.ts';
export { areOwnPaths, signPaths, usablePaths } from './own-paths.ts';
export { readRun, readRunOf } from './read-run.ts';
export { type OpenRunStore, openRunStore, ownOnnx, type RunStore } from './run-store.ts';
