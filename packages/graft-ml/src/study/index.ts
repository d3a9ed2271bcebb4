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
  openStudy,
  type RunNumbers,
  type Study,
  type StudyRun,
  type StudyStatus,
  type StudyTest,
  type StudyTrial,
} from './study.ts';
