export type { CheckpointStore, Phase } from './checkpoint.ts';
export {
  choice,
  configGroups,
  isOnnx,
  perChannel,
  type ResolvedConfig,
  resolveConfig,
  shapeOptionsOf,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from './config/index.ts';
export { type OptionInfo, optionsOf } from './config/options.ts';
export { formatConfig, optionKey, parseConfigText, unknownOption } from './config/text.ts';
export type { Evaluation, EvaluationEvent, StepEvent, TrainEvent } from './events.ts';
export { changedPreprocessing, type PreprocessingChanges } from './preprocessing.ts';
export { held, type LabelledBatch, type Source, throughTrunk } from './source.ts';
export { evaluationStep, type Network, traceOf, trainingStep, variablesOf } from './step.ts';
export {
  headNetwork,
  pictureNetwork,
  type Strategy,
  type StrategyName,
  strategies,
  strategyNames,
  trunkGraph,
} from './strategy.ts';
export { evaluate, LossError, type TrainingTask, train } from './trainer.ts';
