export { type ImportanceOptions, type ParameterImportance, parameterImportance } from './importance.ts';
export { type AshaPrunerOptions, ashaPruner, type MedianPrunerOptions, medianPruner, noPruner } from './pruners.ts';
export { gridSampler, gridSize, type RandomSamplerOptions, randomSampler } from './samplers.ts';
export {
  bestTrial,
  type Direction,
  type Distribution,
  type History,
  type Parameters,
  type Pruner,
  type Sampler,
  type Space,
  type Trial,
  type TrialState,
} from './study.ts';
export { type TpeSamplerOptions, tpeSampler } from './tpe.ts';
