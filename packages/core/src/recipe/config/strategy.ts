import * as z from 'zod';
import {
  defaultRatio,
  type TransferHead,
  type TransferSide,
  transferHeads,
  transferSides,
} from '../partial-transfer.ts';
import { type Strategy, type StrategyName, strategies, strategyNames } from '../strategy.ts';
import type { Unfreezing } from '../strategy-stages.ts';
import { choice, type OptionSchemas, orDefault, structuredBy } from './choice.ts';
import { defaultsText } from './exceptions.ts';

/** The default of an option by strategy, for help. */
const defaultOf = (option: keyof Strategy['defaults']) =>
  defaultsText(strategyNames.map((name) => [name, strategies[name].defaults[option]]));

const strategyTexts = Object.entries(strategies).map(([name, { description }]) => `${name}: ${description}`);
export const domains = ['similar', 'different', 'very-different'] as const;
export type Domain = 'similar' | 'different' | 'very-different';
const batchNorms = ['running', 'batch', 'frozen'] as const;
export const samplings = ['shuffle', 'balanced'] as const;

/** Parameters by a pattern, and their learning rate at its peak. */
export type LayerRate = readonly [pattern: string, rate: number];
/** A record where its order is known, or a list: the first pattern that matches a parameter decides. */
export type LayerRates = Readonly<Record<string, number>> | readonly LayerRate[];

const pattern = z.string().min(1);
const patterns = structuredBy<readonly string[]>(
  'a list of blocks, dotted beginnings of names or globs',
  z.array(pattern),
);
const unfreezing = structuredBy<readonly Unfreezing[]>(
  "a list such as [{ epoch: 1, train: ['head'] }, { epoch: 4, train: ['all'] }]",
  z.array(z.strictObject({ epoch: z.int().min(0), train: z.array(pattern).min(1) })),
);
const rate = z.number().min(0);
const rates = structuredBy<LayerRates>(
  'rates by pattern, such as { head: 1e-3, layer4: 1e-4 }, or a list of [pattern, rate]',
  z.union([z.record(pattern, rate), z.array(z.tuple([pattern, rate]))]),
).transform((given): readonly LayerRate[] => (isList(given) ? given : Object.entries(given)));

function isList(given: LayerRates): given is readonly LayerRate[] {
  return Array.isArray(given);
}

/** The strategy: how much of the network is trained, and how long. */
export interface StrategyOptions {
  /** Null: auto, or scratch for a model without published weights. */
  readonly strategy: StrategyName | null;
  /** Passes over the training images, after those of `probe`; null: 30 for feature-extraction, else 12. */
  readonly epochs: number | null;
  /** Epochs in which only the head is trained, on features that are computed once, before everything else. */
  readonly probe: number | null;
  /** The distance of the images from the pretraining data, for auto. */
  readonly domain: Domain;
  /** The last frozen block, for partial; null: the last third of the parameters' blocks is trained. */
  readonly freezeTo: string | null;
  /** The parameters to train from each epoch on, for gradual; null: four steps from the head down. */
  readonly unfreeze: readonly Unfreezing[] | null;
  /** The share of the blocks that is trained, the head included; it chooses partial-transfer. */
  readonly transferRatio: number | null;
  /** The side that stays frozen, for partial-transfer. */
  readonly transferFrozen: TransferSide | null;
  /** Whether the head is kept, for partial-transfer; null: kept where the weights have the classes of the images. */
  readonly transferHead: TransferHead | null;
  /** Parameters that stay as they are whatever the strategy says: blocks, dotted beginnings of names or globs. */
  readonly freeze: readonly string[] | null;
  /** Parameters that are trained whatever the strategy says. */
  readonly train: readonly string[] | null;
  /** Peak learning rates by parameter: the first pattern that matches decides; 0 freezes. */
  readonly rates: readonly LayerRate[] | null;
  /** The backbone's learning rate as a part of the head's. */
  readonly backboneRate: number | null;
  /** The factor on the learning rate from each block to the one before it, beginning at the head. */
  readonly layerDecay: number;
  /** Weight decay also for biases and norms. */
  readonly normDecay: boolean;
  /** The statistics of batch norms in layers that are trained; frozen layers keep theirs. */
  readonly batchNorm: 'running' | 'batch' | 'frozen';
  /** Augmented views per image, computed once by the frozen layers and taken in turn; null: anew in every epoch. */
  readonly views: number | null;
  /** Stops after so many epochs without a better validation; null: never. */
  readonly patience: number | null;
  /** The decay of a moving average of the weights, which is evaluated and kept; null: none. */
  readonly ema: number | null;
  /** Batches whose gradients make one step. */
  readonly accumulate: number;
  /** Every image once an epoch, or every class equally often. */
  readonly sampling: 'shuffle' | 'balanced';
}

export const strategyOptions: OptionSchemas<StrategyOptions> = {
  strategy: orDefault(choice(strategyNames)).describe(
    `${strategyTexts.join('; ')}. Default: auto, or scratch for a model without published weights`,
  ),
  epochs: orDefault(z.int().min(1)).describe(
    `passes over the training images, after those of \`probe\`; default: ${defaultOf('epochs')}`,
  ),
  probe: orDefault(z.int().min(0)).describe(
    'epochs in which only the head is trained, on features that are computed once, before everything else ' +
      `(LP-FT); default: ${defaultOf('probe')}`,
  ),
  domain: choice(domains)
    .default('similar')
    .describe(`how far your images are from the pretraining data, for auto: ${domains.join(' | ')}`),
  freezeTo: orDefault(z.string()).describe(
    'for partial: the last frozen block, as `parameterBlocks(model)` calls it; default: the last third of the ' +
      'parameters’ blocks is trained',
  ),
  unfreeze: orDefault(unfreezing).describe(
    'for gradual: what is trained from which epoch on, the first after `probe` being epoch 1; default: four ' +
      'steps from the head down',
  ),
  transferRatio: orDefault(z.number().min(0).max(1)).describe(
    'for partial-transfer, which it chooses: the share of the blocks that is trained, as ' +
      `\`parameterBlocks(model)\` counts them, the head included; default: ${defaultRatio}`,
  ),
  transferFrozen: orDefault(choice(transferSides)).describe(
    'for partial-transfer, the side that stays frozen: upper (the first blocks are trained) | lower (the last ' +
      'ones); default: upper',
  ),
  transferHead: orDefault(choice(transferHeads)).describe(
    'for partial-transfer: kept | new, which is always trained; default: kept where the weights have the classes ' +
      'of the images',
  ),
  freeze: orDefault(patterns).describe(
    'parameters to freeze, whatever the strategy says: blocks, dotted beginnings or globs',
  ),
  train: orDefault(patterns).describe('parameters to train, whatever the strategy says; as `freeze`'),
  rates: orDefault(rates).describe('peak learning rates by parameter, the first that matches; 0 freezes'),
  backboneRate: orDefault(z.number().gt(0).max(1)).describe(
    `the backbone’s learning rate as a part of the head’s; default: ${defaultOf('backboneRate')}; with \`layerDecay\` 1`,
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
      'batch norm in layers that are trained: running (the batch’s statistics, kept for evaluation) | batch | ' +
        'frozen. Frozen layers keep theirs',
    ),
  views: orDefault(z.int().min(1).max(1000)).describe(
    'augmented views per image, computed once by the frozen layers and taken in turn; default: anew in every ' +
      'epoch, none with feature-extraction',
  ),
  patience: orDefault(z.int().min(1)).describe(
    'stop after this many epochs without improvement; the best epoch counts in any case',
  ),
  ema: orDefault(z.number().gt(0).lt(1)).describe(
    'evaluate and keep a moving average of the weights with this decay, such as 0.999',
  ),
  accumulate: z.int().min(1).default(1).describe('batches whose gradients make one step'),
  sampling: choice(samplings)
    .default('shuffle')
    .describe('shuffle: every image once an epoch; balanced: every class equally often'),
};
