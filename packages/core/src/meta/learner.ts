import type { Value } from '../graph/index.ts';
import type { Optimizer } from '../optim/index.ts';

/**
 * The statistics that batch norm uses. `batch`: those of the images of a forward pass, so the queries of an episode
 * help each other (transductive, as in MAML's own experiments). `support`: queries are normalised with those of the
 * support, each for itself. `running`: the ones that came with pretrained weights, which stay as they are.
 */
export type Statistics = 'batch' | 'support' | 'running';

/** Inner rates that are learned: one for each element of a parameter, or one for each parameter tensor and step. */
export type LearnedRates = 'none' | 'per-element' | 'per-step';

/** The part that all learners share. */
export interface LearnerOf<Kind extends string> {
  readonly kind: Kind;
  readonly name: string;
  readonly statistics: Statistics;
  /** The loss of the inner and of the outer loop: logits (n, classes) and labels (n, i64) to a scalar. */
  readonly loss: (logits: Value, labels: Value) => Value;
}

/** The way in which a learner adapts its initialisation to one task. */
export interface InnerLoop {
  /** Inner steps in training. */
  readonly innerSteps: number;
  /** The inner step size of each parameter, at first; 0 or absent: it is not adapted. */
  readonly rates: ReadonlyMap<string, number>;
  readonly innerOptimizer: Optimizer;
}

/**
 * The family of MAML (Finn et al. 2017): the outer loss is that of the queries after the inner steps, and its gradient
 * goes through them. One engine; what differs is the vector of inner rates. ANIL (Raghu et al. 2019) has 0 for the
 * body, BOIL (Oh et al. 2020) 0 for the head; Meta-SGD (Li et al. 2017) and MAML++ (Antoniou et al. 2018) learn the
 * rates.
 */
export interface GradientLearner extends LearnerOf<'gradient'>, InnerLoop {
  readonly learnedRates: LearnedRates;
}

/** Reptile (Nichol et al. 2018): the outer "gradient" is the way from where the inner loop ended back to the start. */
export interface ReptileLearner extends LearnerOf<'reptile'>, InnerLoop {}

/**
 * Prototypical networks (Snell et al. 2017): a query belongs to the class whose mean feature is nearest. Nothing is
 * adapted.
 */
export interface PrototypeLearner extends LearnerOf<'prototypes'> {}

/** A meta-learner: what is learned across tasks, and how. It is data; `task-graph.ts` makes the graphs. */
export type Learner = GradientLearner | ReptileLearner | PrototypeLearner;

/** The form of a gradient learner's outer gradient, which may change in the course of a run. */
export interface OuterLoss {
  /** 1: the inner gradients are taken for constants (first-order MAML). */
  readonly order: 1 | 2;
  /** The queries' loss counts after every inner step, by weights that are fed (MAML++), or after the last. */
  readonly everyStep: boolean;
}

/** The name of a learned inner rate in the state. No parameter path contains a slash. */
export const innerRateName = (parameter: string) => `inner-rate/${parameter}`;
