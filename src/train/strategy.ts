import type { Value } from '../graph/index.ts';
import { input } from '../graph/index.ts';
import { type Architecture, applyModel, auxiliaryLogits, headPattern, type Preprocessing } from '../models/index.ts';
import { type BatchNormPolicy, normalisePixels, Scope, type TraceOptions, under } from '../nn/index.ts';
import type { Rules } from '../optim/index.ts';
import { feedNames, type Network } from './step.ts';

/** How much of a pretrained network is trained, and how. */
export interface Strategy {
  readonly description: string;
  rules(model: Architecture): Rules;
  /** In training. In evaluation the running statistics are used by all of them. */
  readonly batchNorm: BatchNormPolicy;
  /** Starts from pretrained weights; without, from random ones. */
  readonly pretrained: boolean;
  /** The trunk is frozen throughout: it runs once per picture, and what it made of it is kept. */
  readonly frozenTrunk: boolean;
}

export const strategies = {
  'feature-extraction': {
    description: 'the trunk is frozen and runs once per picture, and only the new head is trained',
    rules: (model) => [
      [under(model.headPath), { rate: 1 }],
      [/.*/, null],
    ],
    batchNorm: 'frozen',
    pretrained: true,
    frozenTrunk: true,
  },
  full: {
    description: 'everything is trained, the trunk at a tenth of the head’s learning rate',
    rules: (model) => [
      [headPattern(model), { rate: 1 }],
      [/.*/, { rate: 0.1 }],
    ],
    batchNorm: 'running',
    pretrained: true,
    frozenTrunk: false,
  },
  scratch: {
    description: 'everything is trained at one learning rate, from random weights',
    rules: () => [[/.*/, { rate: 1 }]],
    batchNorm: 'running',
    pretrained: false,
    frozenTrunk: false,
  },
} as const satisfies Record<string, Strategy>;

export type StrategyName = keyof typeof strategies;
export const strategyNames = Object.keys(strategies) as StrategyName[];

/** The whole network, from bytes (3, crop, crop) to logits. Normalisation is part of it. */
export function pictureNetwork(model: Architecture, preprocessing: Preprocessing, numClasses: number): Network {
  const { crop } = preprocessing;
  return {
    input: { dtype: 'u8', shape: [3, crop, crop] },
    forward: (s, pixels) => applyModel(model, s, normalisePixels(pixels, preprocessing), { numClasses }),
    ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
  };
}

/** The trunk alone, from bytes (n, 3, crop, crop) to what the head takes. */
export function trunkGraph(
  model: Architecture,
  preprocessing: Preprocessing,
  batchSize: number,
  variable: NonNullable<TraceOptions['variable']>,
): Value {
  const { scope } = Scope.root({ training: false, variable });
  const pixels = input(feedNames.input, 'u8', [batchSize, 3, preprocessing.crop, preprocessing.crop]);
  return model.trunk(scope, normalisePixels(pixels, preprocessing));
}

/** The head alone, from the trunk's features to logits. */
export function headNetwork(model: Architecture, features: Value, numClasses: number): Network {
  return {
    input: { dtype: 'f32', shape: features.shape.slice(1) },
    forward: (s, x) => model.head(s, x, numClasses),
  };
}
