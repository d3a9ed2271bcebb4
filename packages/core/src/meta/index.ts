export { type InnerAnswers, type InnerStep, type InnerTraceOptions, traceInnerLoop } from './inner-trace.ts';
export {
  type GradientLearner,
  innerRateName,
  type LearnedRates,
  type Learner,
  type OuterLoss,
  type PrototypeLearner,
  type ReptileLearner,
  type Statistics,
} from './learner.ts';
export { type LearnerEntry, type LearnerName, learnerNames, learners, makeLearner } from './learners.ts';
export { type LossSurface, type LossSurfaceOptions, lossSurface, type PathPoint } from './loss-surface.ts';
export { peakBytes, sessionBytes, taskMemory } from './memory.ts';
export { type MetaTask, metaCourse, taskShape } from './meta-course.ts';
export { type MetaFitData, type MetaFitOptions, metaFit, metaTask } from './meta-fit.ts';
export { type OuterPhase, outerPhases } from './outer-phases.ts';
export {
  adaptationGraph,
  gradientName,
  learnerVariables,
  prototypeGraph,
  type TaskShape,
  taskNames,
  testGraph,
  trainingGraph,
} from './task-graph.ts';
export {
  type CompileTasks,
  type EpisodeAddress,
  feedsOfEpisode,
  type OpenTasks,
  type TaskCall,
  type TaskProgram,
  type TaskWork,
  tasksHere,
} from './task-program.ts';
