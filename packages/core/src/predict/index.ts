export {
  type Classification,
  type ClassifierParts,
  type ClassifyOptions,
  type FeatureVector,
  type ImageAccess,
  ImageClassifier,
  type ImageClassifierOptions,
  type ImageInput,
  imageAccess,
  type Prediction,
  type RankedClass,
} from './classifier.ts';
export { type ClassMatrix, estimateLabelNoise, type LabelNoise, type ProbabilityRows } from './confident-joint.ts';
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
export {
  type ClassMetrics,
  type ConfusionMatrix,
  type Judged,
  type Metrics,
  measure,
  ranked,
  wilsonInterval,
} from './metrics.ts';
