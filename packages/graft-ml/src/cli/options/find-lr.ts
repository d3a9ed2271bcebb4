import { optimizerText } from '@graft-ml/core/internal/recipe/config/optimisation';
import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { strategyNames } from '@graft-ml/core/internal/recipe/strategy';
import { z } from 'zod';
import { defineTable } from '../command.ts';
import { downloadFlags } from './download.ts';
import { fileName } from './shared.ts';

/** A training's options, without those that say how long it goes and how its rate does. */
const stepOptions = trainConfigSchema.omit({
  learningRate: true,
  schedule: true,
  warmup: true,
  stepEpochs: true,
  milestones: true,
  decayFactor: true,
  restartEpochs: true,
  restartGrowth: true,
  power: true,
  plateauPatience: true,
  epochs: true,
  probe: true,
  patience: true,
  ema: true,
  accumulate: true,
  log: true,
});

/** The rates to try. */
const searchOptions = {
  out: fileName('.svg', 'an SVG').nullable().default(null).describe('an SVG file to draw the curve in'),
  from: z.number().positive().default(1e-7).describe('the first learning rate'),
  to: z.number().positive().default(10).describe('the last learning rate'),
  steps: z.int().min(20).max(10_000).default(100).describe('the most steps to take'),
};

/** The table of `graft find-lr`. */
export const findLrTable = defineTable({
  arguments: [{ syntax: '<folder>', description: 'the images to train on, as of graft train' }],
  options: z.strictObject({ ...searchOptions, ...stepOptions.shape, ...downloadFlags }),
  groups: { search: searchOptions, ...configGroups, downloads: downloadFlags },
  basic: {
    model: 'architecture, published weights or an .onnx file; `graft models` lists them',
    strategy: `${strategyNames.join(' | ')} (default: auto)`,
    batchSize: 'images per step',
    optimizer: optimizerText,
    augment: 'none, light, standard, strong, or a list such as crop=0.5,flip,rotate=10',
    from: 'the first learning rate',
    to: 'the last learning rate',
    steps: 'the most steps to take',
    out: 'an SVG file to draw the curve in',
  },
  takesSettings: 'graft config',
  examples: [
    'graft find-lr photos/ --model resnet18 --strategy full',
    'graft find-lr photos/ --optimizer sgd --out curve.svg',
  ],
});
