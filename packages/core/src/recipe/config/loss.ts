import * as z from 'zod';
import type { CrossEntropyOptions } from '../../nn/index.ts';
import { choice, type OptionSchemas, orDefault } from './choice.ts';

const losses = ['cross-entropy', 'focal'] as const;
const classWeights = ['none', 'balanced'] as const;

/** The loss of training. The validation loss is always the plain cross entropy, so that runs can be compared. */
export interface LossOptions {
  readonly loss: 'cross-entropy' | 'focal';
  /** The exponent by which the focal loss discounts examples that are already classified well; null: 2. */
  readonly focalGamma: number | null;
  /** `balanced`: every class counts alike in the loss, however few images it has. */
  readonly classWeights: 'none' | 'balanced';
  /** The share of the target spread over all classes. */
  readonly labelSmoothing: number;
}

export const lossOptions: OptionSchemas<LossOptions> = {
  loss: choice(losses)
    .default('cross-entropy')
    .describe('cross-entropy | focal: what is known well already counts less'),
  focalGamma: orDefault(z.number().positive()).describe('exponent of the focal loss; default: 2'),
  classWeights: choice(classWeights)
    .default('none')
    .describe('none | balanced: every class counts alike in the loss, however few images it has'),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe('share of the target spread over all classes'),
};

/** The loss of a run whose training images have these labels. */
export function lossOf(config: LossOptions, labels: readonly number[], classes: number): CrossEntropyOptions {
  const { labelSmoothing, loss, focalGamma } = config;
  return {
    labelSmoothing,
    ...(loss === 'focal' && { focalGamma: focalGamma ?? 2 }),
    ...(config.classWeights === 'balanced' && { classWeights: balancedWeights(labels, classes) }),
  };
}

/**
 * n / (classes · n_c): each class together weighs the same, and all of them as much as they would without. 0 for an
 * empty class.
 */
export function balancedWeights(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  return counts.map((count) => (count === 0 ? 0 : labels.length / (classes * count)));
}
