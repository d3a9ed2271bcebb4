export type { ImageInput } from '../image/image-input.ts';
export type { BootstrapIntervals, Interval } from './bootstrap.ts';
export type { ClassAverages, ClassMetrics, ConfusionMatrix } from './class-scores.ts';
export {
  type Classification,
  type ClassifierParts,
  type ClassifyOptions,
  type FeatureVector,
  type ImageAccess,
  ImageClassifier,
  type ImageClassifierOptions,
  imageAccess,
  type LogitVector,
  type Prediction,
  type RankedClass,
} from './classifier.ts';
export { type ClassMatrix, estimateLabelNoise, type LabelNoise, type ProbabilityRows } from './confident-joint.ts';
export { type ConfusionTextOptions, confusionMatrixText } from './confusion-text.ts';
export {
  type CrossValidatedProbe,
  type CrossValidatedProbeOptions,
  crossValidatedProbe,
} from './cross-validated-probe.ts';
export {
  type EvaluationCurves,
  type EvaluationMetrics,
  type EvaluationOptions,
  type Judged,
  measure,
  type RunningEvaluation,
  startEvaluation,
} from './evaluation.ts';
export {
  type ConfusedPair,
  type ExampleLoss,
  type ExamplesOptions,
  type JudgedExample,
  type LeastSureOptions,
  leastSure,
  type MostConfusedOptions,
  mostConfused,
  topLosses,
  type Uncertainty,
  type UnsureExample,
} from './interpretation.ts';
export {
  findLabelIssues,
  type LabelFilter,
  type LabelIssue,
  type LabelIssueOptions,
  type LabelIssues,
  type LabelRanking,
  labelFilters,
  labelQuality,
  labelRankings,
} from './label-issues.ts';
export { logme } from './logme.ts';
export { type McNemar, mcnemar } from './mcnemar.ts';
export { wilsonInterval } from './metrics.ts';
export { type NearestNeighbours, type NearestNeighboursOptions, nearestNeighbours } from './nearest-neighbours.ts';
export type { LabelledFeatures } from './out-of-sample.ts';
export type { CurvePoint } from './ranking.ts';
export type { Reliability, ReliabilityBin } from './reliability.ts';
export { type FittedTemperature, fitTemperature, type LabelledLogits } from './temperature.ts';
