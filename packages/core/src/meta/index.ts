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
export { type LearnerName, learnerNames, makeLearner, type OuterPhase, outerPhases } from './learners.ts';
export { peakBytes, sessionBytes, taskMemory } from './memory.ts';
export { feedsOfEpisode, type MetaTask, metaCourse, taskShape } from './meta-course.ts';
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
