import type { CardFormat } from '@graft-ml/core/internal/export/card-usage';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import type { PullDtype } from '../../hub/model-layout.ts';
import { optionalText } from './download.ts';

/** The forms in which a model is pushed, without the code that writes them. */
export const pushFormats = [
  'hf',
  'onnx',
  'timm',
  'triton',
  'safetensors',
  'run',
] as const satisfies readonly CardFormat[];

/** The numbers of networks that are pulled. */
export const pullDtypes = ['fp32', 'fp16', 'int8'] as const satisfies readonly PullDtype[];

/** The flags for what a model card says. */
export const cardFlags = {
  name: optionalText.describe('title of the model; default: its repository, or the name of the run folder'),
  licence: optionalText.describe(
    'licence of the model as the hub spells it, such as mit; default: that of the published weights it began with',
  ),
  dataset: optionalText.describe('repository of the images on the hub, owner/name, where they are published'),
  evaluate: z
    .boolean()
    .default(true)
    .describe(
      'measure it for the card, on its validation and test images; without, or where these are gone, the card says what the run recorded',
    ),
  episodes: z.int().min(2).max(100_000).default(600).describe('for a run of meta-learning: episodes to measure it on'),
  data: optionalText.describe(
    'where the dataset is now, if it was moved, or if the run was made by someone else; default: where it was',
  ),
};

/** The flag for the form whose use a card describes. */
export const cardFormatFlag = {
  format: choice(pushFormats)
    .default('hf')
    .describe(`form of the model that the code in the card opens: ${pushFormats.join(' | ')}`),
};

/** The options of a card that flags stand for. */
export function cardOptions({
  name,
  licence,
  dataset,
  evaluate,
  episodes,
  data,
}: z.output<z.ZodObject<typeof cardFlags>>) {
  return {
    name: name ?? undefined,
    licence: licence ?? undefined,
    dataset: dataset ?? undefined,
    data: data ?? undefined,
    evaluate,
    episodes,
  };
}
