import type { Value } from '../graph/index.ts';
import {
  type BatchNormOptions,
  batchNorm,
  conv2d,
  convNorm,
  dropout,
  filled,
  globalAveragePool,
  kaimingNormalFanOut,
  type Layer,
  linear,
  normal,
  relu6,
  type Scope,
  sequential,
} from '../nn/index.ts';
import { add } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

/** Blocks in a row. The stride is the first one's. */
export type MobileNetV2Stage = readonly [expansion: number, channels: number, blocks: number, stride: number];

export interface MobileNetV2Config {
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly stages: readonly MobileNetV2Stage[];
  /** Channels of the last convolution: the features. */
  readonly last: number;
  readonly dropout: number;
  readonly norm?: BatchNormOptions;
}

interface Block {
  /** The block's inner width as a multiple of its input's. */
  readonly expansion: number;
  readonly channels: number;
  readonly stride: number;
  readonly norm: BatchNormOptions;
}

/**
 * An inverted residual: widen, filter each channel by itself, narrow without an activation (Sandler et al. 2018, fig.
 * 4d). (n, c, h, w) → (n, channels, h/stride, w/stride).
 */
function invertedResidual(s: Scope, x: Value, { expansion, channels, stride, norm }: Block): Value {
  const wide = x.shape[1]! * expansion;
  const layers = s.at('conv');
  let i = 0;
  let y = x;
  if (expansion > 1) y = convNorm(layers.at(i++), y, { channels: wide, activation: relu6, ...norm });
  y = convNorm(layers.at(i++), y, { channels: wide, kernel: 3, stride, groups: wide, activation: relu6, ...norm });
  y = conv2d(layers.at(i++), y, { channels, kernel: 1, bias: false, initialiser: kaimingNormalFanOut });
  y = batchNorm(layers.at(i), y, norm);
  return stride === 1 && channels === x.shape[1] ? add(x, y) : y;
}

/** MobileNet v2 (Sandler et al. 2018, arXiv 1801.04381, table 2). Endpoints: features.0 to features.18, avgpool. */
export function mobilenetV2({ stem, stages, last, dropout: p, norm = {} }: MobileNetV2Config): Architecture {
  const blocks = stages.flatMap(([expansion, channels, count, stride]) =>
    Array.from({ length: count }, (_, k): Layer => {
      const block = { expansion, channels, stride: k === 0 ? stride : 1, norm };
      return (s, x) => invertedResidual(s, x, block);
    }),
  );
  return {
    headPath: 'classifier.1',
    backbone(s, images) {
      const x = sequential(s.at('features'), images, [
        (at, y) => convNorm(at, y, { channels: stem, kernel: 3, stride: 2, activation: relu6, ...norm }),
        ...blocks,
        (at, y) => convNorm(at, y, { channels: last, activation: relu6, ...norm }),
      ]);
      return s.endpoint('avgpool', globalAveragePool(x));
    },
    head(s, features, numClasses) {
      const drop = s.at('classifier').at(0);
      const layer = s.at('classifier').at(1);
      const initialisers = { initialiser: normal(0.01), biasInitialiser: filled(0) };
      return linear(layer, dropout(drop, features, p), { features: numClasses, ...initialisers });
    },
  };
}

export const mobilenetV2s = {
  mobilenet_v2: {
    stem: 32,
    stages: [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ],
    last: 1280,
    dropout: 0.2,
  },
} as const satisfies Record<string, MobileNetV2Config>;

/** Its variants in the zoo, by name. */
export const mobilenetV2Models = /* @__PURE__ */ family(
  mobilenetV2s,
  mobilenetV2,
  'Sandler et al. 2018, arXiv 1801.04381',
  { mobilenet_v2: { resize: 232 } },
);
