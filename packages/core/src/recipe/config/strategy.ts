import * as z from 'zod';
import { defaultRatio, transferHeads, transferSides } from '../partial-transfer.ts';
import { type Strategy, strategies, strategyNames } from '../strategy.ts';
import { choice, orDefault } from './choice.ts';
import { defaultsText } from './exceptions.ts';

/** In help, the default of an option by strategy. */
const defaultOf = (option: keyof Strategy['defaults']) =>
  defaultsText(strategyNames.map((name) => [name, strategies[name].defaults[option]]));

const strategyTexts = Object.entries(strategies).map(([name, { description }]) => `${name}: ${description}`);
export const domains = ['similar', 'different', 'very-different'] as const;
export type Domain = 'similar' | 'different' | 'very-different';
const batchNorms = ['running', 'batch', 'frozen'] as const;
export const samplings = ['shuffle', 'balanced'] as const;

/** How much of the network is trained, and how long. */
export const strategyOptions = {
  strategy: orDefault(choice(strategyNames)).describe(
    `${strategyTexts.join('; ')}. Default: auto, or scratch for a model without published weights`,
  ),
  epochs: orDefault(z.int().min(1)).describe(
    `passes over the training images, after those of \`probe\`; default: ${defaultOf('epochs')}`,
  ),
  probe: orDefault(z.int().min(0)).describe(
    `epochs in which only the head is trained, on features that are computed once, before everything else (LP-FT); default: ${defaultOf('probe')}`,
  ),
  domain: choice(domains)
    .default('similar')
    .describe(`for auto, the images beside those of the pretraining: ${domains.join(' | ')}`),
  freezeTo: orDefault(z.string()).describe(
    'for partial: the last frozen block, as `parameterBlocks(model)` calls it; default: the last third of the parameters’ blocks is trained',
  ),
  unfreeze: orDefault(z.string()).describe(
    'for gradual: what is trained from which epoch on, the first after `probe` being epoch 1, as in 1:head,4:layer4,7:layer3+layer2,10:all (a list that begins with 0 counts from 0); default: four steps from the head down',
  ),
  transferRatio: orDefault(z.number().min(0).max(1)).describe(
    `for partial-transfer, which it chooses: the share of the blocks that is trained, as \`parameterBlocks(model)\` counts them, the head included; default: ${defaultRatio}`,
  ),
  transferFrozen: orDefault(choice(transferSides)).describe(
    'for partial-transfer, the side that stays as it came: upper (the first blocks are trained) | lower (the last ones); default: upper',
  ),
  transferHead: orDefault(choice(transferHeads)).describe(
    'for partial-transfer: kept | new, which is always trained; default: kept where the weights have the classes of the images',
  ),
  freeze: orDefault(z.string()).describe(
    'parameters that stay as they are whatever the strategy says: blocks, dotted beginnings or globs, with commas between them',
  ),
  train: orDefault(z.string()).describe('parameters that are trained whatever the strategy says; as `freeze`'),
  rates: orDefault(z.string()).describe(
    'peak learning rates by parameter, the first that matches: head=1e-3,layer4=1e-4,*=1e-5; 0 freezes',
  ),
  trunkRate: orDefault(z.number().gt(0).max(1)).describe(
    `the trunk’s learning rate as a part of the head’s; default: ${defaultOf('trunkRate')}; with \`layerDecay\` 1`,
  ),
  layerDecay: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe('factor on the learning rate from each block to the one before it, beginning at the head'),
  normDecay: z
    .boolean()
    .default(false)
    .describe('weight decay also for biases and norms (everything of one dimension)'),
  batchNorm: choice(batchNorms)
    .default('running')
    .describe(
      'of layers that are trained: running (the batch’s statistics, kept for evaluation) | batch | frozen. Frozen layers keep theirs',
    ),
  views: orDefault(z.int().min(1).max(1000)).describe(
    'augmented views per image, computed once through what is frozen and taken in turn; default: anew in every epoch, none with feature-extraction',
  ),
  patience: orDefault(z.int().min(1)).describe(
    'stop after so many epochs without a better validation; the best epoch is what counts in any case',
  ),
  ema: orDefault(z.number().gt(0).lt(1)).describe(
    'evaluate and keep a moving average of the weights with this decay, such as 0.999',
  ),
  accumulate: z.int().min(1).default(1).describe('batches whose gradients make one step'),
  sampling: choice(samplings)
    .default('shuffle')
    .describe('shuffle: every image once an epoch; balanced: every class equally often'),
};
