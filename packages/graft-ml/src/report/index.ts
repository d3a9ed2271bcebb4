export { type WriteMetaReportOptions, type WrittenMetaReport, writeMetaReport } from './meta-report.ts';
export {
  type Advice,
  type FitDiagnosis,
  type ReportedAccuracy,
  type ReportProgress,
  type WriteReportOptions,
  type WrittenReport,
  writeReport,
} from './write-report.ts';
