export { assertTarget, type CleanCopyOptions, writeCleanCopy } from './clean-copy.ts';
export type { CleanPlan } from './clean-plan.ts';
export { type Diagnosis, type DoctorOptions, diagnose } from './diagnose.ts';
export { type Finding, type FindingKind, findingKinds, type Severity } from './finding.ts';
export { diagnosisJson, formatCleanCopy, formatDiagnosis } from './report.ts';
