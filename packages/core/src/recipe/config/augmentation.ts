import * as z from 'zod';
import { choiceProblem } from '../../base/choice.ts';
import type { Mixing } from '../../fit/mixing.ts';
import type { Augmentation } from '../../image/augment/augmentation.ts';
import {
  type AugmentationLevel,
  augmentationLevels,
  augmentationProblem,
  isAugmentationLevel,
} from '../../image/augment/levels.ts';
import { type OptionSchemas, orDefault, structured } from './choice.ts';

const expected = `${Object.keys(augmentationLevels).join(', ')}, or a list of operations`;

/** The fields of every operation; their bounds `augmentationProblem` knows. */
const operation = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('crop'), scale: z.tuple([z.number(), z.number()]) }),
  ...(['flip', 'vflip', 'greyscale', 'blur', 'erase'] as const).map((kind) =>
    z.strictObject({ kind: z.literal(kind), probability: z.number() }),
  ),
  z.strictObject({ kind: z.literal('rotate'), degrees: z.number() }),
  z.strictObject({
    kind: z.literal('jitter'),
    brightness: z.number(),
    contrast: z.number(),
    saturation: z.number(),
    hue: z.number(),
  }),
  z.strictObject({ kind: z.literal('randaugment'), count: z.number(), magnitude: z.number() }),
  z.strictObject({ kind: z.literal('trivialaugment') }),
  z.strictObject({ kind: z.literal('autoaugment') }),
]);

/** A level of augmentation, or a list of its operations. */
export const augmentation = structured<AugmentationLevel | Augmentation>(expected, (value) => {
  if (isAugmentationLevel(value)) return undefined;
  if (typeof value === 'string') return choiceProblem(value, Object.keys(augmentationLevels));
  const { data } = z.array(operation).safeParse(value);
  if (data === undefined) return true;
  const problem = augmentationProblem(data);
  return problem === undefined ? undefined : `: ${problem}.`;
});

/** The α of Beta(α, α). */
const concentration = orDefault(z.number().positive().max(100));

/** The augmentation of training images. */
export interface AugmentationOptions {
  /** A level, or a list of operations. */
  readonly augment: AugmentationLevel | Augmentation;
  /** Mixes each image with another of its batch, in a share from Beta(α, α); null: not at all. */
  readonly mixup: number | null;
  /** Puts a box of another image of the batch into each, with a share from Beta(α, α); null: not at all. */
  readonly cutmix: number | null;
}

export const augmentationOptions: OptionSchemas<AugmentationOptions> = {
  augment: augmentation
    .default('light')
    .describe('augmentation of training images (with feature-extraction only by `views`)'),
  mixup: concentration.describe(
    'mixes each image with another of its batch, in a share from Beta(α, α); a number such as 0.2. Where nothing ' +
      'is frozen',
  ),
  cutmix: concentration.describe(
    'puts a box of another image of the batch into each, with a share from Beta(α, α); a number such as 1. With ' +
      '`mixup`, either by chance',
  ),
};

/** The mixing of batches; null: none. */
export function mixingOf({ mixup, cutmix }: Pick<AugmentationOptions, 'mixup' | 'cutmix'>): Mixing | null {
  return mixup === null && cutmix === null ? null : { mixup, cutmix };
}
