export {
  type Clipping,
  clipByNorm,
  clipByValue,
  clipperOf,
  type GradientTransform,
  globalNorm,
} from './clipping.ts';
export type {
  LearningRates,
  Optimizer,
  OptimizerFactory,
  ParameterSetting,
  Slots,
  StepScalars,
  Updated,
} from './optimizer.ts';
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
export * from './optimizers.ts';
export * from './schedule.ts';
