import {
  adaptiveAveragePool,
  batchNorm,
  conv2d,
  dropout,
  filled,
  kaimingNormalFanOut,
  type Layer,
  linear,
  normal,
  sequential,
} from '../nn/index.ts';
import { flatten, maxPool, relu as rectify } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface VGGConfig {
  /** Convolutions in each of the five stages. */
  readonly depths: readonly [number, number, number, number, number];
  /** After every convolution. Default: none. */
  readonly batchNorm?: boolean;
  /** Channels of the first stage, doubled in each further one up to eightfold. Default 64. */
  readonly width?: number;
  /** Features of the two hidden layers. Default 4096. */
  readonly hidden?: number;
  readonly dropout?: number;
}

const conv =
  (channels: number): Layer =>
  (s, x) =>
    conv2d(s, x, { channels, kernel: 3, padding: 1, initialiser: kaimingNormalFanOut, biasInitialiser: filled(0) });
const dense =
  (features: number): Layer =>
  (s, x) =>
    linear(s, x, { features, initialiser: normal(0.01), biasInitialiser: filled(0) });
const norm: Layer = (s, x) => batchNorm(s, x);
const relu: Layer = (_s, x) => rectify(x);
const pool: Layer = (_s, x) => maxPool(x, { kernel: [2, 2] });

/**
 * VGG (Simonyan & Zisserman 2014, arXiv 1409.1556, table 1). Endpoints: features.0 and on, avgpool, classifier.0 to
 * classifier.5.
 */
export function vgg(config: VGGConfig): Architecture {
  const { depths, batchNorm: normed = false, width = 64, hidden = 4096, dropout: p = 0.5 } = config;
  const drop: Layer = (s, x) => dropout(s, x, p);
  const units = depths.flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, i) => {
      const unit = [conv(width * Math.min(2 ** stage, 8)), ...(normed ? [norm] : []), relu];
      return i === depth - 1 ? [...unit, pool] : unit;
    }),
  );
  return {
    headPath: 'classifier.6',
    isRowwise: true,
    sides: { minimum: 32 },
    backbone(s, images) {
      const maps = sequential(s.at('features'), images, units);
      const pooled = s.endpoint('avgpool', adaptiveAveragePool(maps, [7, 7]));
      return sequential(s.at('classifier'), flatten(pooled), [
        [dense(hidden), relu, drop],
        [dense(hidden), relu],
      ]);
    },
    head(s, features, numClasses) {
      const dropped = s.at('classifier').at(5);
      const layer = s.at('classifier').at(6);
      return dense(numClasses)(layer, s.endpoint(dropped.path, drop(dropped, features)));
    },
  };
}

const depths = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const;

export const vggs = {
  vgg11: { depths: depths[11] },
  vgg11_bn: { depths: depths[11], batchNorm: true },
  vgg13: { depths: depths[13] },
  vgg13_bn: { depths: depths[13], batchNorm: true },
  vgg16: { depths: depths[16] },
  vgg16_bn: { depths: depths[16], batchNorm: true },
  vgg19: { depths: depths[19] },
  vgg19_bn: { depths: depths[19], batchNorm: true },
} as const satisfies Record<string, VGGConfig>;

/** Its variants in the zoo, by name. */
export const vggModels = /* @__PURE__ */ family(vggs, vgg, 'Simonyan & Zisserman 2014, arXiv 1409.1556');
