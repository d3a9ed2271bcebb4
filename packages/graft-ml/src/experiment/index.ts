export {
  type CompareEvent,
  type CompareOptions,
  type ComparisonEvent,
  type Contestant,
  type ContestantEvent,
  compareLearners,
  resumeComparison,
} from './compare.ts';
export {
  type CrossValidationEvent,
  type FoldEvent,
  type FoldsEvent,
  holdsFolds,
  resumeFolds,
  trainFolds,
} from './cross-validation.ts';
export { type FoldResult, type FoldSummary, type MeanInterval, meanInterval, summariseFolds } from './fold-summary.ts';
export {
  type FolderLabelIssues,
  type FolderLabelOptions,
  type ImageLabelIssue,
  type LabelProgress,
  labelIssues,
  type ProbedImage,
} from './label-issues.ts';
export type { ModelCandidate } from './model-candidates.ts';
export type { ModelScores, RankProgress } from './model-scores.ts';
export {
  type ModelRanking,
  type RankedModel,
  type RankOptions,
  type RankScore,
  rankModels,
  type UnrankedModel,
} from './rank-models.ts';
export { resumeRun } from './resume-run.ts';
