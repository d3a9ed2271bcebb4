import {
  isAdapting,
  type LearnerEntry,
  type LearnerName,
  learners,
  learnersThat,
  type OuterDefaults,
} from '../../meta/learners.ts';

export const byGradient = learnersThat(({ kind }) => kind === 'gradient');
export const trained = learnersThat(({ kind }) => kind !== 'baseline');
export const adapting = learnersThat(isAdapting);
export const annealing = learnersThat(isAnnealing);
export const testedAsTrained = learnersThat((learner) => isAdapting(learner) && learner.testsAsTrained === true);

export function isAnnealing(learner: LearnerEntry): boolean {
  return learner.kind === 'gradient' && learner.annealing === true;
}

/** The defaults of the outer loop, where the options do not say. */
export function outerDefaultsOf(learner: LearnerName): OuterDefaults {
  return learners[learner].outer ?? { optimizer: 'adam', schedule: 'cosine' };
}

/** A backbone and a learner under one name: the four of the Futurama study, with its 32 filters. */
export const presets = {
  'cnn-maml': { model: 'conv4_32', learner: 'maml' },
  'cnn-boil': { model: 'conv4_32', learner: 'boil' },
  'resnet-maml': { model: 'residual_conv4_32', learner: 'maml' },
  'resnet-boil': { model: 'residual_conv4_32', learner: 'boil' },
} as const satisfies Record<PresetName, { readonly model: string; readonly learner: LearnerName }>;

export type PresetName = 'cnn-maml' | 'cnn-boil' | 'resnet-maml' | 'resnet-boil';
export const presetNames = Object.keys(presets) as PresetName[];

/** Images up to this side are treated as Omniglot's, larger ones as mini-ImageNet's. */
const smallSide = 32;

/** The network and the images that an inner loop is for, and its number of steps where that is given. */
interface InnerSituation {
  readonly side: number;
  readonly isResidual: () => boolean;
  readonly innerSteps: number | null;
}

/**
 * The inner loop where it is not given: MAML's on Omniglot (one step of 0.4, with more steps 0.1 each) or on
 * mini-ImageNet (5 steps of 0.01), and what the authors of others say. Rates that are learned begin at 0.1 or 0.01.
 * Null without an inner loop.
 */
export function innerDefaults(
  name: LearnerName,
  { side, isResidual, innerSteps: given }: InnerSituation,
): { innerSteps: number; innerRate: number; testSteps: number } | null {
  const learner = learners[name];
  if (!isAdapting(learner)) return null;
  const isSmall = side <= smallSide;
  const innerSteps = given ?? learner.innerSteps ?? (isSmall ? 1 : 5);
  const testSteps = learner.testsAsTrained ? innerSteps : manyTestSteps(innerSteps);
  if (learner.innerRate) {
    const { plain, residual } = learner.innerRate;
    return { innerSteps, innerRate: isResidual() ? residual : plain, testSteps };
  }
  const isLearned = learner.kind === 'gradient' && learner.learnedRates !== 'none';
  const innerRate = isSmall ? (innerSteps === 1 && !isLearned ? 0.4 : 0.1) : 0.01;
  return { innerSteps, innerRate, testSteps };
}

/**
 * After one large step, a second and third may be worse than none, and only then does it settle (`bench/README.md`,
 * Futurama: 90, 78 and 97 % after 1, 3 and 10), so it is 10 at least, not the 3 of MAML on Omniglot.
 */
function manyTestSteps(innerSteps: number): number {
  return Math.max(10, 2 * innerSteps);
}
