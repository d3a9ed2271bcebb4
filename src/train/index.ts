export { continuationOf, type Decision, decide, type Evidence } from './auto.ts';
export type { CheckpointStore, Phase } from './checkpoint.ts';
export {
  choice,
  configGroups,
  datasetOptionsOf,
  modelProblem,
  parseConfig,
  perChannel,
  type ResolvedConfig,
  resolveConfig,
  shapeOptionsOf,
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
export type { Course, CourseStage, OpenStage, Step, StepOutcome } from './course.ts';
export { type Cut, cutBefore, prefixGraph } from './cut.ts';
export { evaluate } from './evaluation.ts';
export type { Best, EndEvent, Evaluation, EvaluationEvent, StageEvent, StepEvent, TrainEvent } from './events.ts';
export { findLearningRate, type RangeStep, type RangeTestOptions } from './find-learning-rate.ts';
export { type FoldResult, type FoldSummary, type MeanInterval, meanInterval, summariseFolds } from './fold-summary.ts';
export { isAboutData, type Situation, type Warning, type WarningKind, warnings } from './guard-rails.ts';
export {
  beforeExplosion,
  type LearningRateCurve,
  type RangeOptions,
  type Suggestions,
  suggestLearningRates,
  usefulPart,
} from './learning-rate-curve.ts';
export type { LogFormat, LoggedPhase, Logger } from './loggers/index.ts';
export { LossError } from './loss-error.ts';
export { parameterTable, pictureNetwork } from './network.ts';
export {
  parameterBlocks,
  partialTransfer,
  type TransferCut,
  type TransferSide,
  transferCut,
} from './partial-transfer.ts';
export { type PlannedStage, planOf, type Settings } from './plan.ts';
export { changedPreprocessing, type PreprocessingChanges } from './preprocessing.ts';
export { held, type LabelledBatch, labelTensor, type Source, throughPrefix } from './source.ts';
export {
  epochsBefore,
  learningRateAt,
  type Stage,
  type StageSources,
  stageAt,
  stepSettings,
  type Timetable,
  trainedSince,
} from './stage.ts';
export {
  evaluationStep,
  feedNames,
  type Network,
  resultNames,
  traceOf,
  trainingStep,
  updateStep,
  variablesOf,
} from './step.ts';
export { type Strategy, type StrategyName, strategies, strategyNames } from './strategy.ts';
export type { TrainingTask } from './task.ts';
export { timetableOf } from './timetable.ts';
export { follow, type TrainOptions, train } from './trainer.ts';
