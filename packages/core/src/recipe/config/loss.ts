import * as z from 'zod';
import type { CrossEntropyOptions } from '../../nn/index.ts';
import { choice, type OptionSchemas, orDefault } from './choice.ts';

/** The losses, each with a line of help, and the options that only it has with their defaults. */
const losses = {
  'cross-entropy': { description: '', options: {} },
  focal: { description: 'examples that are classified well count less', options: { focalGamma: 2 } },
} as const satisfies Readonly<
  Record<LossOptions['loss'], { description: string; options: Partial<CrossEntropyOptions> }>
>;

const lossNames = Object.keys(losses) as LossOptions['loss'][];

/** The losses that look at an option which not all have. */
export const lossesByOption = {
  focalGamma: lossNames.filter((name) => Object.hasOwn(losses[name].options, 'focalGamma')),
} as const satisfies Readonly<Record<keyof (typeof losses)['focal']['options'], readonly LossOptions['loss'][]>>;

const lossText = lossNames
  .map((name) => `${name}${losses[name].description && `: ${losses[name].description}`}`)
  .join(' | ');

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
  loss: choice(lossNames).default('cross-entropy').describe(lossText),
  focalGamma: orDefault(z.number().positive()).describe(
    `exponent of the focal loss; default: ${losses.focal.options.focalGamma}`,
  ),
  classWeights: choice(classWeights)
    .default('none')
    .describe('none | balanced: every class counts alike in the loss, however few images it has'),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe('share of the target spread over all classes'),
};

/** The loss without class weights, which depend on the images. */
export function unweightedLoss({
  labelSmoothing,
  loss,
  focalGamma,
}: Omit<LossOptions, 'classWeights'>): CrossEntropyOptions {
  return { labelSmoothing, ...losses[loss].options, ...(focalGamma !== null && { focalGamma }) };
}

/** The loss of a run whose training images have these labels. */
export function lossOf(config: LossOptions, labels: readonly number[], classes: number): CrossEntropyOptions {
  return {
    ...unweightedLoss(config),
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
