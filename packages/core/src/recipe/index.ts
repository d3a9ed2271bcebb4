export { continuationOf, type Decision, decide, type Evidence } from './auto.ts';
export {
  assertModelName,
  choice,
  configGroups,
  parseConfig,
  perChannel,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from './config/index.ts';
export { type OptionInfo, optionsOf } from './config/options.ts';
export {
  type ConfigTable,
  formatConfig,
  optionAliases,
  optionKey,
  parseConfigText,
  trainTable,
  unknownOption,
} from './config/text.ts';
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
export { timetableOf } from './timetable.ts';
