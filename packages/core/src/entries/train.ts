/**
 * Recipes for transfer learning: options with their checks, strategies, and warnings about the data.
 *
 * @module @graft-ml/core/train
 */
export type { LocalWorkers, RoundEnd, Rounds } from '../fit/diloco.ts';
export type { LocalEnd } from '../fit/local-steps.ts';
export type { LogName } from '../fit/loggers/names.ts';
export type { AugmentationOptions } from '../recipe/config/augmentation.ts';
export type { DataOptions, PartsChoice } from '../recipe/config/data.ts';
export type { LossOptions } from '../recipe/config/loss.ts';
export type { MachineOptions } from '../recipe/config/machine.ts';
export type { ModelOptions } from '../recipe/config/model.ts';
export type { OptimisationOptions, OptimizerOptions } from '../recipe/config/optimisation.ts';
export type { ScheduleName, ScheduleOptions } from '../recipe/config/schedule.ts';
export type { Domain, StrategyOptions } from '../recipe/config/strategy.ts';
export type { TransferDtype, WorkersOptions } from '../recipe/config/workers.ts';
export {
  type Decision,
  type Evidence,
  type LayerRate,
  type LayerRates,
  type PerChannel,
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type StrategyName,
  type TrainConfig,
  type TrainConfigInput,
  type Unfreezing,
  type Warning,
  type WarningKind,
} from '../recipe/index.ts';
export type { TransferHead, TransferSide } from '../recipe/partial-transfer.ts';
export type { PreprocessingChanges } from '../recipe/preprocessing.ts';
export type { PlannedRounds } from '../recipe/rounds.ts';
export type { RunHost } from '../runs/host.ts';
export type { NamedPaths, PathRecord } from '../runs/named-paths.ts';
export type { NotedDataset, NotedImages } from '../runs/noted-images.ts';
export type { Preparation } from '../runs/prepared.ts';
export type { MemoryUse } from '../runs/resources.ts';
export type {
  CancelledEvent,
  DamageEvent,
  DecisionEvent,
  ReadyEvent,
  RunEvent,
  ScratchEvent,
} from '../runs/run-events.ts';
export type { Run, RunCalibration, RunDataset, RunRecord, RunVersions } from '../runs/run-file.ts';
export type { OpenWorkers, RunWorkers, WorkersOrder } from '../runs/run-workers.ts';
export type { TrainOptions } from '../runs/train-run.ts';
export type { Resumption } from '../runs/training.ts';
