import { explainMethods } from '@graft-ml/core/internal/explain/methods';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { optionalText } from './download.ts';
import { classifierFlags } from './shared.ts';

const { tta: _, ...openingFlags } = classifierFlags;

export const explainFlags = z.strictObject({
  method: choice(explainMethods)
    .nullable()
    .default(null)
    .describe(
      `${explainMethods.join(' | ')}: where the class is seen (quick); what each pixel adds; how much the ` +
        'output falls where a square is covered (slow); default: gradcam, or occlusion where nothing in the network is ' +
        'a map of the image',
    ),
  class: optionalText.describe('class to explain; default: the likeliest one of each image'),
  endpoint: optionalText.describe(
    'for gradcam: the layer to look at, as `graft inspect --blocks` names them; default: the last map of the image',
  ),
  steps: z.int().min(1).max(1000).nullable().default(null).describe('for integrated-gradients: points; default 50'),
  window: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('for occlusion: side of the covered square, in pixels; default: a seventh of the image'),
  out: z.string().default('explanations').describe('folder to write the PNG files to'),
  overwrite: z.boolean().default(false).describe('replace files of the same names'),
  classes: optionalText.describe(
    'for --model: file with one class name a line (for 1000 outputs ImageNet’s are known)',
  ),
  ...openingFlags,
});
