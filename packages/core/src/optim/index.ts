export { type AdagradOptions, adagrad } from './adagrad.ts';
export { type AdamOptions, adam, adamw, type NadamOptions, nadam, radam } from './adam.ts';
export {
  type Clipping,
  clipByNorm,
  clipByValue,
  clipperOf,
  type GradientTransform,
  globalNorm,
} from './clipping.ts';
export { lamb } from './lamb.ts';
export { type LionOptions, lion } from './lion.ts';
export type { LearningRates, Optimizer, ParameterSetting, Slots, StepScalars, Updated } from './optimizer.ts';
export {
  type OptimizerStep,
  type OptimizerStepOptions,
  optimizerStep,
  scalarFeeds,
  scalarInputs,
  scalarName,
  slotName,
  updateParameters,
} from './optimizer-step.ts';
export {
  defaultsOf,
  type OptimizerEntry,
  type OptimizerName,
  type OptimizerOption,
  optimizerNames,
  optimizers,
  usualLearningRate,
} from './optimizers.ts';
export { type RmspropOptions, rmsprop } from './rmsprop.ts';
export * from './schedule.ts';
export { type SgdOptions, sgd } from './sgd.ts';
