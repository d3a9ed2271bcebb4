/**
 * Trained runs at work: classifying, evaluating, calibrating, comparing, and the report.
 *
 * @module graft-ml/evaluate
 */

export * from '@graft-ml/core/evaluate';
export type { CurvePoint } from '@graft-ml/core/internal/fit/learning-curves';
export type { LoggedEpoch } from '@graft-ml/core/internal/runs/run-curves';
export type { OpenModelOptions, PretrainedModel } from '../evaluate/classifier.ts';
export { type FarmedFeaturesOptions, farmedFeatures } from '../evaluate/farmed-features.ts';
export {
  type CalibrateOptions,
  Classifier,
  type ClassifierInput,
  type ClassifierOptions,
  type ComparedImage,
  type ComparedRun,
  type CompareRunsOptions,
  type ComputeFeaturesOptions,
  calibrateRun,
  compareRuns,
  computeFeatures,
  type DescribedPrediction,
  describePrediction,
  type EvaluatedImage,
  type EvaluateOptions,
  evaluateFolder,
  type FeatureTable,
  type FolderEvaluation,
  type JudgedImage,
  type Mistake,
  type MistakeSheetOptions,
  Mistakes,
  type OpenRunOptions,
  openModel,
  openRun,
  type Part,
  type PredictFilesOptions,
  predictFiles,
  type RunComparison,
  type SeenImages,
  writeEvaluatedImages,
  writeFeatures,
  writePredictions,
} from '../evaluate/index.ts';
export {
  type Advice,
  type ComparedRunNumbers,
  type Differences,
  type FitDiagnosis,
  type FoldNumbers,
  type MetaNumbers,
  type PartAccuracy,
  type ReportedAccuracy,
  type ReportProgress,
  type RunNumbers,
  type RunsSummary,
  type SeedGroup,
  type StudyOptions,
  type SummarisedAccuracy,
  type SummarisedRun,
  type SummariseRunsOptions,
  summariseRuns,
  type Variant,
  type WayNumbers,
  type WriteComparisonOptions,
  type WriteMetaReportOptions,
  type WriteReportOptions,
  type WriteStudyReportOptions,
  type WrittenComparison,
  type WrittenMetaReport,
  type WrittenReport,
  type WrittenStudyReport,
  writeComparison,
  writeMetaReport,
  writeReport,
  writeStudyReport,
} from '../report/index.ts';
