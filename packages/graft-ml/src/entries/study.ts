/**
 * Studies of options: the samplers that suggest the next trial, the pruners that stop one early, and what a history of
 * trials says of the options.
 *
 * @module graft-ml/study
 */
export * from '@graft-ml/core/study';
export {
  type MetaTrainingStudy,
  openStudy,
  type PrunerOptions,
  parseStudy,
  type RunNumbers,
  type SamplerOptions,
  type Study,
  type StudyBudget,
  type StudyDefinition,
  type StudyDefinitionInput,
  type StudyMetric,
  type StudyOptions,
  type StudyRun,
  type StudyStatus,
  type StudySubject,
  type StudyTest,
  type StudyTrial,
  type TrainingStudy,
} from '../study/index.ts';
