/**
 * Meta-learning: learners, episodes, meta-training runs and their tests, and the graphs of inner and outer loop.
 *
 * @module graft-ml/meta
 */

export type { MetaDataset, SideCounts } from '@graft-ml/core/internal/runs/meta-run';
export * from '@graft-ml/core/meta';
export {
  augmentedSource,
  type EpisodeHeader,
  type EpisodeOptions,
  type EpisodeSets,
  oneShotTrials,
  openEpisodes,
} from '../episodes/index.ts';
export type { BatchStoppedEvent, ElsewhereEvent, MemberEpochEvent } from '../experiment/batch.ts';
export type { ResumeComparisonOptions } from '../experiment/compare.ts';
export type { Comparison, ComparisonRow } from '../experiment/comparison.ts';
export {
  type CompareEvent,
  type CompareOptions,
  type ComparisonEvent,
  type Contestant,
  type ContestantEvent,
  compareLearners,
  resumeComparison,
} from '../experiment/index.ts';
export { type TasksOptions, tasksElsewhere } from '../jobs/tasks.ts';
export {
  type Adapted,
  type AdaptMetaOptions,
  adaptMeta,
  type MetaEvent,
  type MetaReadyEvent,
  type MetaRun,
  type MetaTest,
  readMetaRun,
  resumeMeta,
  type StepResult,
  type TestMetaOptions,
  type TrainMetaOptions,
  testMeta,
  trainMeta,
} from '../meta/index.ts';
export type { TestSide } from '../meta/test-meta.ts';
export type { ResumeMetaOptions } from '../meta/train-meta.ts';
