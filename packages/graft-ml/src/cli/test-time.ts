import { testTimeNames } from '@graft-ml/core/internal/image/test-time';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';

/** The flag of commands that look at images with a trained model. */
export const testTimeFlag = {
  tta: choice(testTimeNames)
    .default('none')
    .describe(
      `views whose probabilities are averaged: ${testTimeNames.join(' | ')}; crops are of the resized image, ` +
        'along an axis on which it is no larger than the crop they coincide',
    ),
};
