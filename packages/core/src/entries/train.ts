/* Recipes for transfer learning: options with their checks, strategies, and warnings about the data. */
export {
  type Decision,
  type Evidence,
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type Strategy,
  type StrategyName,
  strategies,
  type TrainConfig,
  type TrainConfigInput,
  type Warning,
  type WarningKind,
} from '../recipe/index.ts';
