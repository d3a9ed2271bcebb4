export {
  type AdamOptions,
  adam,
  adamw,
  type Optimizer,
  type OptimizerName,
  optimizers,
  type SgdOptions,
  type StepScalars,
  sgd,
} from './optimizer.ts';
export { applyRules, type ParameterSetting, type Rules } from './rules.ts';
export { constant, type OneCycleOptions, oneCycle, type Schedule, type StepOptions, stepDecay } from './schedule.ts';
