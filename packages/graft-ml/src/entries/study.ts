/**
 * Studies of options: the samplers that suggest the next trial, the pruners that stop one early, and what a history of
 * trials says of the options.
 *
 * @module graft-ml/study
 */
export * from '@graft-ml/core/study';
export type { Executor, JobEvent } from '../jobs/executor.ts';
export {
  type DoJob,
  type JobContext,
  type ObjectStore,
  openStore,
  type QueueExecutorOptions,
  type QueueWorkerOptions,
  queueExecutor,
  runWorker,
  shipData,
  type WorkerEvent,
} from '../jobs/index.ts';
export type { DataReference, Job } from '../jobs/job.ts';
export { type LocalExecutorOptions, localExecutor } from '../jobs/local-executor.ts';
export type { BucketOptions } from '../jobs/s3-store.ts';
export {
  type MetaTrainingStudy,
  openStudy,
  type PrunerOptions,
  parseStudy,
  type ResumeStudyOptions,
  type RunNumbers,
  type RunReport,
  type RunStudyOptions,
  resumeStudy,
  runStudy,
  type SamplerOptions,
  type Study,
  type StudyBudget,
  type StudyCallOptions,
  type StudyDefinition,
  type StudyDefinitionInput,
  type StudyEvent,
  type StudyMetric,
  type StudyOptions,
  type StudyRun,
  type StudyStatus,
  type StudySubject,
  type StudyTest,
  type StudyTrial,
  type TrainingStudy,
  type TrialEvent,
} from '../study/index.ts';
