import { testTimeNames } from '../data/index.ts';
import { choice } from '../train/index.ts';

/** The flag of commands that look at pictures with a trained model. */
export const testTimeFlag = {
  tta: choice('--tta', testTimeNames)
    .default('none')
    .describe(
      `views whose probabilities are averaged: ${testTimeNames.join(' | ')}; crops are of the resized picture, ` +
        'along an axis on which it is no larger than the crop they coincide',
    ),
};
