import type { Value } from '../graph/index.ts';
import {
  type BatchNormOptions,
  convNorm,
  dropout,
  filled,
  globalAveragePool,
  hardSwish,
  type Layer,
  linear,
  normal,
  type Scope,
  sequential,
  squeezeExcitation,
} from '../nn/index.ts';
import { add, hardSigmoid, relu } from '../ops/index.ts';
import { roundChannels } from './channels.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

const activations = { RE: relu, HS: hardSwish };

/** A line of the paper's tables: one block. `SE` where it has squeeze-and-excitation. */
export type MobileNetV3Block = readonly [
  kernel: 3 | 5,
  expanded: number,
  channels: number,
  squeeze: 'SE' | '',
  activation: 'RE' | 'HS',
  stride: 1 | 2,
];

export interface MobileNetV3Config {
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly rows: readonly MobileNetV3Block[];
  /** Outputs of the linear layer before the head: the features. */
  readonly features: number;
  readonly dropout?: number;
  readonly norm?: BatchNormOptions;
}

/**
 * The inverted residual of MobileNet v2 with squeeze-and-excitation after the filters (Howard et al. 2019, fig. 4).
 * (n, c, h, w) → (n, channels, h/stride, w/stride).
 */
function invertedResidual(s: Scope, x: Value, row: MobileNetV3Block, norm: BatchNormOptions): Value {
  const [kernel, expanded, channels, squeeze, kind, stride] = row;
  const wide = { channels: expanded, activation: activations[kind], ...norm };
  const layers = s.at('block');
  let i = 0;
  let y = x;
  if (expanded !== x.shape[1]) y = convNorm(layers.at(i++), y, wide);
  y = convNorm(layers.at(i++), y, { ...wide, kernel, stride, groups: expanded });
  if (squeeze) {
    const channelsBetween = roundChannels(Math.floor(expanded / 4));
    const options = { squeeze: channelsBetween, scaleActivation: hardSigmoid, biasInitialiser: filled(0) };
    y = squeezeExcitation(layers.at(i++), y, options);
  }
  y = convNorm(layers.at(i), y, { channels, ...norm });
  return stride === 1 && channels === x.shape[1] ? add(x, y) : y;
}

/**
 * MobileNet v3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2). The last convolution has six times the channels
 * of the last block. Endpoints: features.0 and on, avgpool, classifier.1.
 */
export function mobilenetV3(config: MobileNetV3Config): Architecture {
  const { stem, rows, features: hidden, dropout: p = 0.2, norm = { epsilon: 1e-3, momentum: 0.01 } } = config;
  const initialisers = { initialiser: normal(0.01), biasInitialiser: filled(0) };
  return {
    headPath: 'classifier.3',
    backbone(s, images) {
      const x = sequential(s.at('features'), images, [
        (at, y) => convNorm(at, y, { channels: stem, kernel: 3, stride: 2, activation: hardSwish, ...norm }),
        ...rows.map(
          (row): Layer =>
            (at, y) =>
              invertedResidual(at, y, row, norm),
        ),
        (at, y) => convNorm(at, y, { channels: 6 * y.shape[1]!, activation: hardSwish, ...norm }),
      ]);
      const pooled = s.endpoint('avgpool', globalAveragePool(x));
      const layer = s.at('classifier').at(0);
      const features = hardSwish(linear(layer, pooled, { features: hidden, ...initialisers }));
      return s.endpoint('classifier.1', features, layer.path);
    },
    head(s, features, numClasses) {
      const drop = s.at('classifier').at(2);
      const layer = s.at('classifier').at(3);
      return linear(layer, dropout(drop, features, p), { features: numClasses, ...initialisers });
    },
  };
}

const small = {
  stem: 16,
  rows: [
    [3, 16, 16, 'SE', 'RE', 2],
    [3, 72, 24, '', 'RE', 2],
    [3, 88, 24, '', 'RE', 1],
    [5, 96, 40, 'SE', 'HS', 2],
    [5, 240, 40, 'SE', 'HS', 1],
    [5, 240, 40, 'SE', 'HS', 1],
    [5, 120, 48, 'SE', 'HS', 1],
    [5, 144, 48, 'SE', 'HS', 1],
    [5, 288, 96, 'SE', 'HS', 2],
    [5, 576, 96, 'SE', 'HS', 1],
    [5, 576, 96, 'SE', 'HS', 1],
  ],
  features: 1024,
} as const;

const large = {
  stem: 16,
  rows: [
    [3, 16, 16, '', 'RE', 1],
    [3, 64, 24, '', 'RE', 2],
    [3, 72, 24, '', 'RE', 1],
    [5, 72, 40, 'SE', 'RE', 2],
    [5, 120, 40, 'SE', 'RE', 1],
    [5, 120, 40, 'SE', 'RE', 1],
    [3, 240, 80, '', 'HS', 2],
    [3, 200, 80, '', 'HS', 1],
    [3, 184, 80, '', 'HS', 1],
    [3, 184, 80, '', 'HS', 1],
    [3, 480, 112, 'SE', 'HS', 1],
    [3, 672, 112, 'SE', 'HS', 1],
    [5, 672, 160, 'SE', 'HS', 2],
    [5, 960, 160, 'SE', 'HS', 1],
    [5, 960, 160, 'SE', 'HS', 1],
  ],
  features: 1280,
} as const;

/** Batch norm as in timm's weights, which were trained with PyTorch's ε of 1e-5. */
const timmNorm = { norm: {} };

export const mobilenetV3s = {
  mobilenet_v3_small: small,
  mobilenet_v3_small_timm: { ...small, ...timmNorm },
  mobilenet_v3_large: large,
  mobilenet_v3_large_timm: { ...large, ...timmNorm },
} as const satisfies Record<string, MobileNetV3Config>;

/** Its variants in the zoo, by name. */
export const mobilenetV3Models = /* @__PURE__ */ family(
  mobilenetV3s,
  mobilenetV3,
  'Howard et al. 2019, arXiv 1905.02244',
  {
    mobilenet_v3_small_timm: { interpolation: 'bicubic' },
    mobilenet_v3_large: { resize: 232 },
    mobilenet_v3_large_timm: { interpolation: 'bicubic' },
  },
);
