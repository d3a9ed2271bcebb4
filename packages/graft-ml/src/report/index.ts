export { findGiven, type Given } from '../study/given.ts';
export { type RunsSummary, type SeedGroup, type SummariseRunsOptions, summariseRuns } from './compare/runs-summary.ts';
export type { SummarisedAccuracy, SummarisedRun } from './compare/summarised-run.ts';
export {
  studyPageFile,
  type WriteComparisonOptions,
  type WrittenComparison,
  writeComparison,
} from './compare/write-comparison.ts';
export { type WriteMetaReportOptions, type WrittenMetaReport, writeMetaReport } from './meta-report.ts';
export type { Differences, Variant } from './study/differing.ts';
export type { StudyOptions } from './study/options.ts';
export type {
  ComparedRunNumbers,
  FoldNumbers,
  MetaNumbers,
  PartAccuracy,
  RunNumbers,
  WayNumbers,
} from './study/study-numbers.ts';
export {
  type WriteStudyReportOptions,
  type WrittenStudyReport,
  writeStudyReport,
} from './study/write-study-report.ts';
export {
  type Advice,
  type FitDiagnosis,
  type ReportedAccuracy,
  type ReportProgress,
  type WriteReportOptions,
  type WrittenReport,
  writeReport,
} from './write-report.ts';
