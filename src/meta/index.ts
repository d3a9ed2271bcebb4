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
