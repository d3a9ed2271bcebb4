/**
 * The names of every day, for any JavaScript engine: tensors and errors, models and their training, losses, metrics
 * and optimizers. Each topic has an entry of its own beside this one with all that belongs to it:
 * `@graft-ml/core/graph`, `/ops` and `/grad` write programs and differentiate them, `/runtime` runs them, `/nn`,
 * `/models`, `/weights` and `/optim` are networks and what trains them, `/data` is images, `/fit`, `/train` and
 * `/meta` are training, `/predict` is classifying and measuring. `internal/*` is for the packages of Graft and may
 * change at any time.
 *
 * @module @graft-ml/core
 */
export {
  type DType,
  type DTypeArrays,
  f32,
  i64,
  numbersOf,
  OptionError,
  type RandomStream,
  randomStream,
  type Shape,
  ShapeError,
  type Tensor,
  type TensorOf,
  type Tensors,
  type TensorType,
  tensor,
  UserError,
  version,
  zeros,
} from './base/index.ts';
export { formatProblems } from './entries/data.ts';
export {
  confusionMatrixText,
  type EvaluationMetrics,
  measure,
  startEvaluation,
  wilsonInterval,
} from './entries/evaluate.ts';
export {
  accuracy,
  createModel,
  createTrainer,
  type FitOptions,
  f1Score,
  fit,
  generatorDataset,
  type Metric,
  Model,
  meanAbsoluteError,
  meanMetric,
  meanSquaredError,
  multilabelAccuracy,
  randomSplit,
  type TrainEvent,
  Trainer,
  type TrainerOptions,
  tensorDataset,
  topK,
} from './entries/fit.ts';
export {
  applyModel,
  getModel,
  listModels,
  type NamedArchitecture,
  type Preprocessing,
  pretrainedConfig,
  type WeightsEntry,
} from './entries/models.ts';
export { bceWithLogitsLoss, crossEntropyLoss, huberLoss, type Loss, l1Loss, mseLoss } from './entries/nn.ts';
export {
  adam,
  adamw,
  constant,
  cosine,
  type Optimizer,
  oneCycle,
  type Schedule,
  sgd,
  withWarmup,
} from './entries/optim.ts';
export type { TrainConfigInput } from './entries/train.ts';
