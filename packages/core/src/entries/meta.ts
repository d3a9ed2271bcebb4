/**
 * Meta-learning: learners, episodes, and the graphs of inner and outer loop.
 *
 * @module @graft-ml/core/meta
 */
export type { Episode, EpisodeShape, EpisodeSource } from '../meta/episode.ts';
export {
  adaptationGraph,
  type CompileTasks,
  type EpisodeAddress,
  feedsOfEpisode,
  type GradientLearner,
  type InnerAnswers,
  type InnerStep,
  type InnerTraceOptions,
  type LearnedRates,
  type Learner,
  type LearnerName,
  type LossSurface,
  type LossSurfaceOptions,
  learnerNames,
  learnerVariables,
  lossSurface,
  type MetaFitData,
  type MetaFitOptions,
  makeLearner,
  metaFit,
  type OpenTasks,
  type OuterLoss,
  type OuterPhase,
  outerPhases,
  type PathPoint,
  type PrototypeLearner,
  prototypeGraph,
  type ReptileLearner,
  type Statistics,
  type TaskCall,
  type TaskProgram,
  type TaskShape,
  type TaskWork,
  taskShape,
  testGraph,
  traceInnerLoop,
  trainingGraph,
} from '../meta/index.ts';
export type { InnerLoop, LearnerOf } from '../meta/learner.ts';
export type { LearnerOptions } from '../meta/learners.ts';
export type { OuterOptions } from '../meta/outer-phases.ts';
export type { EpisodeInterval } from '../meta/statistics.ts';
export type {
  ClassDivision,
  ClassSplit,
  MetaConfig,
  MetaConfigInput,
  ResolvedMetaConfig,
  SideNumbers,
} from '../recipe/meta/index.ts';
export type { PresetName } from '../recipe/meta/learners.ts';
export type {
  MetaEpisodeOptions,
  MetaInnerOptions,
  MetaLearnerOptions,
  MetaMachineOptions,
  MetaModelOptions,
  MetaOuterOptions,
} from '../recipe/meta/options.ts';
export type { TasksElsewhere } from '../runs/meta-training.ts';
export type { EpisodeOrigin } from '../runs/prepared-meta.ts';
