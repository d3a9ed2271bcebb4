/**
 * Studies of options: spaces and histories of trials, the samplers that suggest the next trial, the pruners that stop
 * one early, and what a history says of its options. Pure functions: what runs the trials is elsewhere.
 *
 * @module @graft-ml/core/study
 */
export {
  type AshaPrunerOptions,
  ashaPruner,
  bestTrial,
  type Direction,
  type Distribution,
  gridSampler,
  gridSize,
  type History,
  type ImportanceOptions,
  type MedianPrunerOptions,
  medianPruner,
  noPruner,
  type ParameterImportance,
  type Parameters,
  type Pruner,
  parameterImportance,
  type RandomSamplerOptions,
  randomSampler,
  type Sampler,
  type Space,
  type TpeSamplerOptions,
  type Trial,
  type TrialState,
  tpeSampler,
} from '../study/index.ts';
