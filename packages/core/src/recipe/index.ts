export { continuationOf, type Decision, decide, type Evidence } from './auto.ts';
export {
  assertModelName,
  choice,
  configGroups,
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from './config/index.ts';
export type { PerChannel } from './config/model.ts';
export { type OptionInfo, optionsOf } from './config/options.ts';
export type { LayerRate, LayerRates } from './config/strategy.ts';
export { isAboutData, type Situation, type Warning, type WarningKind, warnings } from './guard-rails.ts';
export {
  parameterBlocks,
  partialTransfer,
  type TransferCut,
  type TransferSide,
  transferCut,
} from './partial-transfer.ts';
export { type PlannedStage, planOf, type Settings } from './plan.ts';
export { changedPreprocessing, type PreprocessingChanges } from './preprocessing.ts';
export { type Strategy, type StrategyName, strategies, strategyNames } from './strategy.ts';
export type { Unfreezing } from './strategy-stages.ts';
export { timetableOf } from './timetable.ts';
