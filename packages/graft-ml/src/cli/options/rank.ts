import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import type { RankScore } from '../../experiment/rank-models.ts';
import { defineTable } from '../command.ts';
import { downloadFlags } from './download.ts';
import { deviceFlag, shapeFlags } from './shared.ts';

/** The scores, without the code that computes them. */
const scores = ['probe', 'neighbours', 'logme'] as const satisfies readonly RankScore[];

/** The table of `graft rank`. */
export const rankTable = defineTable({
  arguments: [{ syntax: '<folder>', description: 'labelled images, in any shape that train takes' }],
  options: z.strictObject({
    models: z
      .string()
      .default('')
      .describe(
        'with commas between them: architectures, published weights, .onnx files, run folders, an architecture with ' +
          'weights (resnet18=own.safetensors), or patterns such as resnet*: architectures with published weights',
      ),
    by: choice(scores)
      .default('probe')
      .describe('the score that orders them: probe (accuracy of linear probes), neighbours or logme'),
    images: z
      .int()
      .min(2)
      .max(1_000_000)
      .default(1000)
      .describe('at most so many images, drawn by the seed in the proportions of the classes'),
    folds: z.int().min(2).max(100).default(5).describe('folds of the linear probe'),
    neighbours: z.int().min(1).max(10_000).default(20).describe('neighbours that vote'),
    ...trainConfigSchema.pick({ imageSize: true, classDepth: true }).shape,
    seed: trainConfigSchema.shape.seed.describe('decides the folds, and which images are drawn'),
    ...deviceFlag,
    ...shapeFlags,
    offline: downloadFlags.offline,
    mirror: downloadFlags.mirror,
  }),
  examples: [
    "graft rank photos/ --models 'resnet*,mobilenet*'",
    'graft rank photos/ --models squeezenet1_1,own.onnx,runs/x,resnet18=own.safetensors',
    "graft rank photos/ --models 'timm/resnet50*' --by logme --image-size 160 --json",
  ],
});
