export { type Cache, type FeatureOrigin, type FeatureTable, type FeatureTableOptions, noFeatures } from './cache.ts';
export type { CheckpointStore, Progress } from './checkpoint.ts';
export type { Course, CourseStage, OpenStage, Step, StepOutcome } from './course.ts';
export { type Cut, cutBefore, prefixGraph } from './cut.ts';
export { type Criterion, type Evaluator, type EvaluatorOptions, openEvaluator } from './evaluation.ts';
export type { Best, EndEvent, Evaluation, EvaluationEvent, StageEvent, StepEvent, TrainEvent } from './events.ts';
export {
  type Example,
  type Examples,
  type FitData,
  type GeneratorDatasetOptions,
  generatorDataset,
  type ImageSet,
  type ImageView,
  randomSplit,
  subset,
  type Transform,
  type TransformContext,
  tensorDataset,
} from './examples.ts';
export {
  type BatchesOptions,
  createTrainer,
  type StepResult,
  Trainer,
  type TrainerEvaluateOptions,
  type TrainerOptions,
  type TrainerState,
} from './explicit-trainer.ts';
export { findLearningRate, type RangeStep, type RangeTestOptions } from './find-learning-rate.ts';
export { fit, fitCourse } from './fit.ts';
export type { FitOptions, FitStore, RunOptions, SavedFit } from './fit-options.ts';
export type { FitStage, Unfreezing } from './fit-stages.ts';
export {
  beforeExplosion,
  type LearningRateCurve,
  type RangeOptions,
  type Suggestions,
  suggestLearningRates,
  usefulPart,
} from './learning-rate-curve.ts';
export type { LogFormat, LoggedProgress, Logger } from './loggers/index.ts';
export { LossError } from './loss-error.ts';
export {
  accuracy,
  f1Score,
  type Metric,
  type MetricState,
  meanAbsoluteError,
  meanMetric,
  meanSquaredError,
  multilabelAccuracy,
  topK,
} from './metrics.ts';
export {
  type CreateModelOptions,
  createModel,
  type EvaluateOptions,
  type ImageModel,
  type ImageModelOptions,
  imageModel,
  imageModelParts,
  Model,
  type ModelParameter,
  type ModelParts,
  modelParts,
} from './model.ts';
export { imageNetwork, parameterTable } from './network.ts';
export { memoryRuns, type OpenRunStore, type RunLock, type RunStore } from './run-store.ts';
export { type Batch, type BatchRequest, inMemory, labelTensor, type Source } from './source.ts';
export {
  epochsBefore,
  learningRateAt,
  type Stage,
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
export type { StageSources, TrainingStage, TrainingTask } from './task.ts';
export { runCourse, type TrainOptions, train } from './trainer.ts';
