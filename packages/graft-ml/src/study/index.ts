export {
  type MetaTrainingStudy,
  type PrunerOptions,
  parseStudy,
  type SamplerOptions,
  type StudyBudget,
  type StudyDefinition,
  type StudyDefinitionInput,
  type StudyMetric,
  type StudyOptions,
  type StudySubject,
  type TrainingStudy,
} from './definition.ts';
export {
  type ResumeStudyOptions,
  type RunStudyOptions,
  resumeStudy,
  runStudy,
  type StudyCallOptions,
} from './run-study.ts';
export {
  openStudy,
  type RunNumbers,
  type RunReport,
  type Study,
  type StudyRun,
  type StudyStatus,
  type StudyTest,
  type StudyTrial,
} from './study.ts';
export type { StudyEvent, TrialEvent } from './study-events.ts';
