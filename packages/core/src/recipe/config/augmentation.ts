import * as z from 'zod';
import type { OptionError } from '../../base/errors.ts';
import type { Mixing } from '../../fit/mixing.ts';
import { augmentationLevels, augmentationParts, parseAugmentation } from '../../image/augment/parse.ts';
import { orDefault } from './choice.ts';
import type { ResolvedConfig } from './index.ts';

const levels = Object.entries(augmentationLevels).map(([name, list]) => (list ? `${name} (${list})` : name));

/** What may be given, in words. */
export const augmentationChoices = `${levels.join(', ')}; or a list of ${augmentationParts.join(', ')}`;

/** A level of augmentation, or a list of its parts. */
export const augmentationText = z.string().superRefine((text, context) => {
  try {
    parseAugmentation(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as OptionError).messageOf('').trimStart() });
  }
});

/** The α of Beta(α, α). */
const concentration = orDefault(z.number().positive().max(100));

/** What is done to the images in training only. */
export const augmentationOptions = {
  augment: augmentationText
    .default('light')
    .describe(`what happens to images in training (with feature-extraction only by \`views\`): ${augmentationChoices}`),
  mixup: concentration.describe(
    'mixes each image with another of its batch, in a share from Beta(α, α); a number such as 0.2. Where nothing is frozen',
  ),
  cutmix: concentration.describe(
    'puts a box of another image of the batch into each, with a share from Beta(α, α); a number such as 1. With `mixup`, either by chance',
  ),
};

/** How batches are mixed; null: not at all. */
export function mixingOf({ mixup, cutmix }: Pick<ResolvedConfig, 'mixup' | 'cutmix'>): Mixing | null {
  return mixup === null && cutmix === null ? null : { mixup, cutmix };
}
