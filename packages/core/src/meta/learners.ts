import type { Value } from '../graph/index.ts';
import type { Optimizer, OptimizerName } from '../optim/index.ts';
import type { LabelledFeatures, LinearHead } from './baselines/linear-head.ts';
import { linearProbe } from './baselines/linear-probe.ts';
import { nearestCentroid } from './baselines/nearest-centroid.ts';
import type { LearnedRates, Learner, Statistics } from './learner.ts';

interface Described {
  /** Its distinguishing idea, in a few words. */
  readonly description: string;
  /** The defaults of the outer loop. Absent: Adam at its usual rate, under a cosine schedule. */
  readonly outer?: OuterDefaults;
}

/** The outer loop's optimizer and schedule, where the options do not say. */
export interface OuterDefaults {
  readonly optimizer: OptimizerName;
  /** The learning rate and momentum, with this optimizer alone. Absent: the optimizer's usual ones. */
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly schedule: 'cosine' | 'linear';
}

/** The inner loop of a learner, and what its authors chose for it. */
interface Adapting extends Described {
  /** The part of the network that the inner loop moves. */
  readonly adapts: 'all' | 'head' | 'body';
  /** Inner steps in training. Absent: as MAML, by the size of the images. */
  readonly innerSteps?: number;
  /** The rate of an inner step. Absent: as MAML, by the size of the images and the number of steps. */
  readonly innerRate?: { readonly plain: number; readonly residual: number };
  /** Takes no more inner steps at test than in training. */
  readonly testsAsTrained?: boolean;
}

/** The family of MAML: one engine, which differs in what is adapted and which inner rates are learned. */
export interface GradientEntry extends Adapting {
  readonly kind: 'gradient';
  readonly learnedRates: LearnedRates;
  /** The learner that this one is without second derivatives. */
  readonly firstOrderOf?: string;
  /** Begins with first-order gradients and with a loss after every inner step (`outer-phases.ts`). */
  readonly annealing?: boolean;
}

export interface ReptileEntry extends Adapting {
  readonly kind: 'reptile';
}

export interface PrototypeEntry extends Described {
  readonly kind: 'prototypes';
}

/** A baseline that is not meta-trained: a head is fitted to the features of each support set. */
export interface BaselineEntry extends Described {
  readonly kind: 'baseline';
  readonly fitHead: (support: LabelledFeatures) => LinearHead;
}

export type LearnerEntry = GradientEntry | ReptileEntry | PrototypeEntry | BaselineEntry;
/** The way a learner is trained: by an inner loop, by distances to class means, or not at all. */
export type LearnerKind = LearnerEntry['kind'];

/** Every learner. */
const entries = {
  maml: {
    kind: 'gradient',
    description: 'second-order MAML (Finn et al. 2017)',
    adapts: 'all',
    learnedRates: 'none',
  },
  fomaml: {
    kind: 'gradient',
    description: 'first-order MAML (Finn et al. 2017)',
    adapts: 'all',
    learnedRates: 'none',
    firstOrderOf: 'maml',
  },
  anil: {
    kind: 'gradient',
    description: 'the inner loop moves the head alone (Raghu et al. 2019)',
    adapts: 'head',
    learnedRates: 'none',
  },
  boil: {
    kind: 'gradient',
    description: 'the inner loop moves all but the head (Oh et al. 2020)',
    adapts: 'body',
    learnedRates: 'none',
    innerSteps: 1,
    // Appendix A: 0.5 for conv-4, 0.3 for ResNet-12.
    innerRate: { plain: 0.5, residual: 0.3 },
    testsAsTrained: true,
  },
  'meta-sgd': {
    kind: 'gradient',
    description: 'learns an inner rate for every element (Li et al. 2017)',
    adapts: 'all',
    learnedRates: 'per-element',
    innerSteps: 1,
    testsAsTrained: true,
  },
  'maml++': {
    kind: 'gradient',
    description: 'learns an inner rate for every layer and step, with a loss after every step (Antoniou et al. 2018)',
    adapts: 'all',
    learnedRates: 'per-step',
    innerSteps: 5,
    testsAsTrained: true,
    annealing: true,
  },
  reptile: {
    kind: 'reptile',
    description: 'moves the start towards where the inner loop ends (Nichol et al. 2018)',
    adapts: 'all',
    innerSteps: 5,
    // Its way is not a gradient, and the mean of many steps already: a rate of 1 goes all of it (table 3), without
    // momentum.
    outer: { optimizer: 'sgd', learningRate: 1, momentum: 0, schedule: 'linear' },
  },
  protonet: {
    kind: 'prototypes',
    description: 'prototypical networks: the nearest class mean (Snell et al. 2017)',
  },
  'nearest-centroid': {
    kind: 'baseline',
    description: 'not trained: the nearest class mean of features of a pretrained backbone',
    fitHead: (support) => nearestCentroid(support, 'cosine'),
  },
  'linear-probe': {
    kind: 'baseline',
    description: 'not trained: a linear classifier on such features',
    fitHead: linearProbe,
  },
} as const satisfies Record<LearnerName, LearnerEntry>;

export type LearnerName =
  | 'maml'
  | 'fomaml'
  | 'anil'
  | 'boil'
  | 'meta-sgd'
  | 'maml++'
  | 'reptile'
  | 'protonet'
  | 'nearest-centroid'
  | 'linear-probe';
export const learners: Readonly<Record<LearnerName, LearnerEntry>> = entries;
export const learnerNames = Object.keys(learners) as LearnerName[];

/** The learners of which this holds. */
export function learnersThat(holds: (learner: LearnerEntry) => boolean): LearnerName[] {
  return learnerNames.filter((name) => holds(learners[name]));
}

/** Whether a learner has an inner loop. */
export function isAdapting(learner: LearnerEntry): learner is GradientEntry | ReptileEntry {
  return learner.kind === 'gradient' || learner.kind === 'reptile';
}

/**
 * Whether queries go to the nearest class mean or to a head that is fitted, so that any number of classes can be told
 * apart.
 */
export function isByFeatures({ kind }: LearnerEntry): boolean {
  return kind === 'prototypes' || kind === 'baseline';
}

export interface LearnerOptions {
  /** The network's parameters, and which of them are the head's. */
  readonly parameters: readonly string[];
  readonly isHead: (parameter: string) => boolean;
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly innerOptimizer: Optimizer;
  readonly statistics: Statistics;
  readonly loss: (logits: Value, labels: Value) => Value;
}

/** The learner of that name for a network. A baseline is a prototypical network that is not trained. */
export function makeLearner(name: LearnerName, options: LearnerOptions): Learner {
  const { parameters, isHead, innerSteps, innerRate, innerOptimizer, statistics, loss } = options;
  const common = { name, statistics, loss };
  const entry = learners[name];
  if (!isAdapting(entry)) return { kind: 'prototypes', ...common };
  const isAdapted = (parameter: string) => entry.adapts === 'all' || (entry.adapts === 'head') === isHead(parameter);
  const rates = new Map(parameters.map((each) => [each, isAdapted(each) ? innerRate : 0]));
  const inner = { innerSteps, rates, innerOptimizer };
  if (entry.kind === 'reptile') return { kind: 'reptile', ...common, ...inner };
  return { kind: 'gradient', ...common, ...inner, learnedRates: entry.learnedRates };
}
