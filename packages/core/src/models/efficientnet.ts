import type { Value } from '../graph/index.ts';
import {
  type BatchNormOptions,
  convNorm,
  dropout,
  filled,
  globalAveragePool,
  type Layer,
  linear,
  type Scope,
  sequential,
  silu,
  squeezeExcitation,
  stochasticDepth,
  uniform,
} from '../nn/index.ts';
import { add } from '../ops/index.ts';
import { roundChannels } from './channels.ts';
import { family, seenWhole } from './family.ts';
import type { Architecture } from './model.ts';

/** Blocks in a row. The stride is the first one's. */
export type EfficientNetStage = readonly [
  block: 'inverted' | 'fused',
  expansion: number,
  kernel: 3 | 5,
  stride: 1 | 2,
  channels: number,
  count: number,
];

export interface EfficientNetConfig {
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly stages: readonly EfficientNetStage[];
  /** Channels of the last convolution: the features. */
  readonly last: number;
  readonly dropout: number;
  /**
   * Probability of leaving out a block; it grows evenly from 0 at the first block to this after the last. Default 0.2.
   */
  readonly stochasticDepth?: number;
  readonly norm?: BatchNormOptions;
}

interface Block {
  /** The block's inner width as a multiple of its input's. */
  readonly expansion: number;
  readonly kernel: 3 | 5;
  readonly stride: number;
  readonly channels: number;
  readonly norm: BatchNormOptions;
}

/** The branch of a block beside its shortcut. (n, c, h, w) → (n, channels, h/stride, w/stride). */
type Branch = (s: Scope, x: Value, block: Block) => Value;

/** Widen, filter each channel by itself, squeeze and excite, narrow (Tan & Le 2019, section 4, as MnasNet). */
const inverted: Branch = (s, x, { expansion, kernel, stride, channels, norm }) => {
  const wide = { channels: roundChannels(x.shape[1]! * expansion), activation: silu, ...norm };
  let i = 0;
  let y = x;
  if (expansion > 1) y = convNorm(s.at(i++), y, wide);
  y = convNorm(s.at(i++), y, { ...wide, kernel, stride, groups: wide.channels });
  // A quarter of the block's input, however wide its middle is.
  const squeeze = Math.max(1, Math.floor(x.shape[1]! / 4));
  y = squeezeExcitation(s.at(i++), y, { squeeze, activation: silu, biasInitialiser: filled(0) });
  return convNorm(s.at(i), y, { channels, ...norm });
};

/** Widening and filter in one convolution, without squeeze-and-excitation (Tan & Le 2021, fig. 2). */
const fused: Branch = (s, x, { expansion, kernel, stride, channels, norm }) => {
  const filter = { kernel, stride, activation: silu, ...norm };
  if (expansion === 1) return convNorm(s.at(0), x, { channels, ...filter });
  const y = convNorm(s.at(0), x, { channels: roundChannels(x.shape[1]! * expansion), ...filter });
  return convNorm(s.at(1), y, { channels, ...norm });
};

const blocks = { inverted, fused };

/** The stages, every block of which has its own probability of being left out. */
function stageLayers({ stages, stochasticDepth: most = 0.2, norm = {} }: EfficientNetConfig): Layer[] {
  const total = stages.reduce((sum, [, , , , , count]) => sum + count, 0);
  let index = 0;
  return stages.map(([kind, expansion, kernel, stride, channels, count]) => {
    const layers = Array.from({ length: count }, (_, k): Layer => {
      const block = { expansion, kernel, stride: k === 0 ? stride : 1, channels, norm };
      const p = (most * index++) / total;
      return (s, x) => {
        const y = blocks[kind](s.at('block'), x, block);
        const shortcut = block.stride === 1 && channels === x.shape[1];
        return shortcut ? add(x, stochasticDepth(s.at('stochastic_depth'), y, p)) : y;
      };
    });
    return (s, x) => sequential(s, x, layers);
  });
}

/**
 * EfficientNet (Tan & Le 2019, arXiv 1905.11946, table 1) and EfficientNet v2 (Tan & Le 2021, arXiv 2104.00298, table
 * 4). Endpoints: features.0, each block, each stage, the last convolution, avgpool.
 */
export function efficientnet(config: EfficientNetConfig): Architecture {
  const { stem, last, dropout: p, norm = {} } = config;
  const stages = stageLayers(config);
  return {
    headPath: 'classifier.1',
    backbone(s, images) {
      const x = sequential(s.at('features'), images, [
        (at, y) => convNorm(at, y, { channels: stem, kernel: 3, stride: 2, activation: silu, ...norm }),
        ...stages,
        (at, y) => convNorm(at, y, { channels: last, activation: silu, ...norm }),
      ]);
      return s.endpoint('avgpool', globalAveragePool(x));
    },
    head(s, features, numClasses) {
      const drop = s.at('classifier').at(0);
      const layer = s.at('classifier').at(1);
      const initialisers = { initialiser: uniform(1 / Math.sqrt(numClasses)), biasInitialiser: filled(0) };
      return linear(layer, dropout(drop, features, p), { features: numClasses, ...initialisers });
    },
  };
}

/** The network B0 with every width and every depth multiplied (Tan & Le 2019, section 3). */
function scaled(width: number, depth: number) {
  const channels = (count: number) => roundChannels(count * width);
  const repeated = (count: number) => Math.ceil(count * depth);
  return {
    stem: channels(32),
    stages: [
      ['inverted', 1, 3, 1, channels(16), repeated(1)],
      ['inverted', 6, 3, 2, channels(24), repeated(2)],
      ['inverted', 6, 5, 2, channels(40), repeated(2)],
      ['inverted', 6, 3, 2, channels(80), repeated(3)],
      ['inverted', 6, 5, 1, channels(112), repeated(3)],
      ['inverted', 6, 5, 2, channels(192), repeated(4)],
      ['inverted', 6, 3, 1, channels(320), repeated(1)],
    ],
    last: 4 * channels(320),
  } as const;
}

/** The original training code's, which the larger variants were trained with. */
const slowNorm = { norm: { epsilon: 1e-3, momentum: 0.01 } };

export const efficientnets = {
  efficientnet_b0: { ...scaled(1.0, 1.0), dropout: 0.2 },
  efficientnet_b1: { ...scaled(1.0, 1.1), dropout: 0.2 },
  efficientnet_b2: { ...scaled(1.1, 1.2), dropout: 0.3 },
  efficientnet_b3: { ...scaled(1.2, 1.4), dropout: 0.3 },
  efficientnet_b4: { ...scaled(1.4, 1.8), dropout: 0.4 },
  efficientnet_b5: { ...scaled(1.6, 2.2), dropout: 0.4, ...slowNorm },
  /** Batch norm as in timm's weights, which were trained with PyTorch's ε of 1e-5. */
  efficientnet_b5_timm: { ...scaled(1.6, 2.2), dropout: 0.4 },
  efficientnet_b6: { ...scaled(1.8, 2.6), dropout: 0.5, ...slowNorm },
  efficientnet_b7: { ...scaled(2.0, 3.1), dropout: 0.5, ...slowNorm },
} as const satisfies Record<string, EfficientNetConfig>;

export const efficientnetV2s = {
  efficientnet_v2_s: {
    stem: 24,
    stages: [
      ['fused', 1, 3, 1, 24, 2],
      ['fused', 4, 3, 2, 48, 4],
      ['fused', 4, 3, 2, 64, 4],
      ['inverted', 4, 3, 2, 128, 6],
      ['inverted', 6, 3, 1, 160, 9],
      ['inverted', 6, 3, 2, 256, 15],
    ],
    last: 1280,
    dropout: 0.2,
    norm: { epsilon: 1e-3 },
  },
} as const satisfies Record<string, EfficientNetConfig>;

/** Its variants in the zoo, by name. */
export const efficientnetModels = /* @__PURE__ */ Object.assign(
  {},
  /* @__PURE__ */ family(efficientnets, efficientnet, 'Tan & Le 2019, arXiv 1905.11946', {
    efficientnet_b0: { interpolation: 'bicubic' },
    efficientnet_b1: { resize: 255, crop: 240 },
    efficientnet_b2: seenWhole(288),
    efficientnet_b3: { resize: 320, crop: 300, interpolation: 'bicubic' },
    efficientnet_b4: { resize: 384, crop: 380, interpolation: 'bicubic' },
    efficientnet_b5: seenWhole(456),
    efficientnet_b5_timm: seenWhole(448),
    efficientnet_b6: seenWhole(528),
    efficientnet_b7: seenWhole(600),
  }),
  /* @__PURE__ */ family(efficientnetV2s, efficientnet, 'Tan & Le 2021, arXiv 2104.00298', {
    efficientnet_v2_s: { resize: 384, crop: 384 },
  }),
);
