export { findGiven, type Given } from '../study/given.ts';
export { type WriteMetaReportOptions, type WrittenMetaReport, writeMetaReport } from './meta-report.ts';
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
