import { z } from 'zod';
import { augmentationLevels, augmentationParts, parseAugmentation } from '../../data/index.ts';

const levels = Object.entries(augmentationLevels).map(([name, list]) => (list ? `${name} (${list})` : name));

/** A level of augmentation, or a list of its parts. */
export const augmentationText = z.string().superRefine((text, context) => {
  try {
    parseAugmentation(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** What is done to the pictures in training only. */
export const augmentationOptions = {
  augment: augmentationText
    .default('light')
    .describe(
      `what happens to pictures in training (not with feature-extraction): ${levels.join(', ')}; or a list of ${augmentationParts.join(', ')}`,
    ),
};
