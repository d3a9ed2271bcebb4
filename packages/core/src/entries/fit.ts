/**
 * The training loop: networks, batches, metrics, and the events of a run.
 *
 * @module @graft-ml/core/fit
 */
export type { Course, CourseStage, OpenStage, Step, StepOutcome } from '../fit/course.ts';
export type { EpochFacts } from '../fit/events.ts';
export type { ExtractElsewhere, Extraction } from '../fit/extraction.ts';
export {
  accuracy,
  type Batch,
  type BatchesOptions,
  type BatchRequest,
  type Best,
  type Cache,
  type CheckpointStore,
  type CreateModelOptions,
  type Criterion,
  createModel,
  createTrainer,
  type EndEvent,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationEvent,
  type Example,
  type Examples,
  type FeatureOrigin,
  type FeatureTable,
  type FeatureTableOptions,
  type FitData,
  type FitOptions,
  type FitStage,
  type FitStore,
  f1Score,
  fit,
  type GeneratorDatasetOptions,
  generatorDataset,
  type ImageModel,
  type ImageModelOptions,
  type ImageSet,
  type ImageView,
  imageModel,
  type LearningRateCurve,
  type Logger,
  LossError,
  labelTensor,
  type Metric,
  type MetricState,
  Model,
  type ModelParameter,
  type ModelParts,
  meanAbsoluteError,
  meanMetric,
  meanSquaredError,
  memoryRuns,
  multilabelAccuracy,
  type Network,
  type OpenRunStore,
  type Progress,
  type RangeOptions,
  type RangeStep,
  type RunLock,
  type RunOptions,
  type RunStore,
  randomSplit,
  type SavedFit,
  type Source,
  type Stage,
  type StageEvent,
  type StepEvent,
  type StepResult,
  type Suggestions,
  subset,
  suggestLearningRates,
  type TrainEvent,
  Trainer,
  type TrainerEvaluateOptions,
  type TrainerOptions,
  type TrainerState,
  type Transform,
  type TransformContext,
  tensorDataset,
  topK,
  type Unfreezing,
} from '../fit/index.ts';
export type { LoggedProgress } from '../fit/loggers/index.ts';
export type { LossFacts } from '../fit/loss-error.ts';
export type { Mixing } from '../fit/mixing.ts';
export type { Pass } from '../fit/profile/origins.ts';
export {
  type KernelUse,
  type PartName,
  type Profile,
  type ProfileGroup,
  type ProfileRow,
  profileByLayer,
  profileByPrimitive,
  type StageProfile,
} from '../fit/profile/profile.ts';
export { Profiler, type ProfilerOptions } from '../fit/profile/profiler.ts';
export type { ImageSpan, ProcessUse } from '../fit/profile/stage-recorder.ts';
export type { Span } from '../fit/profile/timed-program.ts';
export type { ParameterTable } from '../fit/selection.ts';
export type { Timetable } from '../fit/stage.ts';
export { type ModelAsClassifier, type ModelOrigin, RunModel } from '../runs/run-model.ts';
