/** How a learner is trained: by an inner loop, by distances to class means, or not at all. */
export type LearnerKind = 'gradient' | 'reptile' | 'prototypes' | 'baseline';

/** A learner as `learner` knows it, and what its authors chose. */
interface LearnerEntry {
  readonly kind: LearnerKind;
  /** What sets it apart, in a few words. */
  readonly description: string;
  /** Inner steps in training; absent: the family's. */
  readonly innerSteps?: number;
  /** Of each inner step; absent: the family's. */
  readonly innerRate?: number;
  readonly order?: 1 | 2;
}

/** Every learner. Those of kind `gradient` are one engine: what differs is which parameters have an inner rate, and which rates are learned. */
export const learners = {
  maml: { kind: 'gradient', description: 'second-order MAML (Finn et al. 2017)' },
  fomaml: { kind: 'gradient', order: 1, description: 'first-order MAML (Finn et al. 2017)' },
  anil: { kind: 'gradient', description: 'the inner loop moves the head alone (Raghu et al. 2019)' },
  boil: {
    kind: 'gradient',
    innerSteps: 1,
    innerRate: 0.5,
    description: 'the inner loop moves all but the head (Oh et al. 2020)',
  },
  'meta-sgd': {
    kind: 'gradient',
    innerSteps: 1,
    description: 'learns an inner rate for every element (Li et al. 2017)',
  },
  'maml++': {
    kind: 'gradient',
    innerSteps: 5,
    description: 'learns an inner rate for every layer and step, with a loss after every step (Antoniou et al. 2018)',
  },
  reptile: {
    kind: 'reptile',
    innerSteps: 5,
    description: 'moves the start towards where the inner loop ends (Nichol et al. 2018)',
  },
  protonet: { kind: 'prototypes', description: 'prototypical networks: the nearest class mean (Snell et al. 2017)' },
  'nearest-centroid': {
    kind: 'baseline',
    description: 'not trained: the nearest class mean of features of a pretrained backbone',
  },
  'linear-probe': { kind: 'baseline', description: 'not trained: a linear classifier on such features' },
} as const satisfies Record<string, LearnerEntry>;

export type LearnerName = keyof typeof learners;
export const learnerNames = Object.keys(learners) as LearnerName[];

/** The learners of these kinds. */
export function learnersOf(...kinds: readonly LearnerKind[]): LearnerName[] {
  return learnerNames.filter((name) => kinds.includes(learners[name].kind));
}

/** A backbone and a learner under one name: the four of the Futurama study, with its 32 filters. */
export const presets = {
  'cnn-maml': { model: 'conv4_32', learner: 'maml' },
  'cnn-boil': { model: 'conv4_32', learner: 'boil' },
  'resnet-maml': { model: 'residual_conv4_32', learner: 'maml' },
  'resnet-boil': { model: 'residual_conv4_32', learner: 'boil' },
} as const satisfies Record<string, { readonly model: string; readonly learner: LearnerName }>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as PresetName[];

/** Images up to this side are treated as Omniglot's, larger ones as mini-ImageNet's. */
const smallSide = 32;

/**
 * The inner loop where it is not given: MAML's on Omniglot (one step of 0.4, with more steps 0.1 each) or on mini-ImageNet
 * (5 steps of 0.01), and what the authors of others say. Rates that are learned begin at 0.1 or 0.01.
 */
export function innerDefaults(
  name: LearnerName,
  { side, isResidual, innerSteps: given }: { side: number; isResidual: () => boolean; innerSteps: number | null },
): { innerSteps: number; innerRate: number } {
  const own: LearnerEntry = learners[name];
  const isSmall = side <= smallSide;
  const innerSteps = given ?? own.innerSteps ?? (isSmall ? 1 : 5);
  // Oh et al. 2020, appendix A: 0.5 for conv-4, 0.3 for ResNet-12.
  if (own.innerRate !== undefined) return { innerSteps, innerRate: isResidual() ? 0.3 : own.innerRate };
  const isLearned = name === 'meta-sgd' || name === 'maml++';
  return { innerSteps, innerRate: isSmall ? (innerSteps === 1 && !isLearned ? 0.4 : 0.1) : 0.01 };
}

/**
 * Inner steps at test, where they are not given. After one large step, a second and third may be worse than none, and only then does
 * it settle (`bench/README.md`, Futurama: 90, 78 and 97 % after 1, 3 and 10), so it is 10 at least, not the 3 of MAML on Omniglot.
 * BOIL takes as many as in training, and so do learners whose rates were learned for those steps.
 */
export function testStepsOf(name: LearnerName, innerSteps: number): number {
  if (name === 'boil' || name === 'maml++' || name === 'meta-sgd') return innerSteps;
  return Math.max(10, 2 * innerSteps);
}
