import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { defineTable } from '../command.ts';
import { farmFlags } from './farm.ts';
import { classifierFlags, shapeFlags } from './shared.ts';

/** The model whose features are written where neither a run nor a model is named. */
export const usualModel = trainConfigSchema.parse({}).model;

/** The table of `graft features`. */
export const featuresTable = defineTable({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder, if it is to be that, then datasets in any shape that `graft train` takes, folders, ' +
        'images, patterns, or - for a list of paths on stdin',
    },
  ],
  options: z.strictObject({
    output: z
      .string()
      .default('features.safetensors')
      .describe('the file to write: .safetensors, .npy (paths and labels are in .npy.csv beside it) or .csv'),
    ...classifierFlags,
    model: classifierFlags.model.describe(
      `instead of a run: an architecture, published weights, or an .onnx file; default without a run: ${usualModel}`,
    ),
    ...trainConfigSchema.pick({ classDepth: true }).shape,
    ...shapeFlags,
    ...farmFlags,
  }),
  examples: [
    'graft features photos/ -o photos.npy',
    'graft features runs/x photos/ --output features.csv',
    "graft features --model resnet50 'photos/**/*.jpg' --output features.safetensors",
    'graft features photos/ --model resnet18 --jobs 4',
    'graft features photos/ --queue redis://queue.local --store s3://bucket/graft',
  ],
});
