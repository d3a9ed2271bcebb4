/* Recipes for transfer learning: options with their checks, strategies, and warnings about the data. */
export type { LogName } from '../fit/loggers/names.ts';

export type { PartsChoice } from '../recipe/config/data.ts';
export type { Domain } from '../recipe/config/strategy.ts';
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
export type { TransferSide } from '../recipe/partial-transfer.ts';
export type { PreprocessingChanges } from '../recipe/preprocessing.ts';
