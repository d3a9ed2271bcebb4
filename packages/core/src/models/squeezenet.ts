import type { Value } from '../graph/index.ts';
import { conv2d, dropout, filled, globalAveragePool, kaimingUniform, normal, type Scope } from '../nn/index.ts';
import { concat, maxPool, relu } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

/** A fire module: channels of the squeeze layer and of each of its two expand layers. */
export type FireModule = readonly [squeeze: number, expand: number];

export interface SqueezeNetConfig {
  readonly stem: { readonly channels: number; readonly kernel: number };
  /** `features.3` and on: fire modules, with the max-pools between them. */
  readonly layers: readonly (FireModule | 'pool')[];
  /** Divides every channel count, for small tests. Default 1. */
  readonly widthDivisor?: number;
  readonly dropout?: number;
}

function conv(
  s: Scope,
  x: Value,
  channels: number,
  kernel: number,
  options: { stride?: number; padding?: number } = {},
) {
  return conv2d(s, x, { channels, kernel, ...options, initialiser: kaimingUniform, biasInitialiser: filled(0) });
}

const pool = (x: Value) => maxPool(x, { kernel: [3, 3], strides: [2, 2], ceilMode: true });

/**
 * Squeeze by 1x1, expand by 1x1 and 3x3 side by side (Iandola et al. 2016, fig. 1). (n, c, h, w) → (n, 2·expand, h, w).
 */
function fire(s: Scope, x: Value, [squeeze, expand]: FireModule): Value {
  const squeezed = relu(conv(s.at('squeeze'), x, squeeze, 1));
  const narrow = relu(conv(s.at('expand1x1'), squeezed, expand, 1));
  const wide = relu(conv(s.at('expand3x3'), squeezed, expand, 3, { padding: 1 }));
  return concat([narrow, wide], 1);
}

/** SqueezeNet (Iandola et al. 2016, arXiv 1602.07360). Endpoints: features.0 to features.12. */
export function squeezenet(config: SqueezeNetConfig): Architecture {
  const { stem, layers, widthDivisor = 1, dropout: p = 0.5 } = config;
  const narrow = (channels: number) => channels / widthDivisor;
  return {
    headPath: 'classifier',
    isRowwise: true,
    backbone(s, images) {
      const features = s.at('features');
      const note = (index: number, value: Value) => s.endpoint(`features.${index}`, value);
      let x = note(0, conv(features.at(0), images, narrow(stem.channels), stem.kernel, { stride: 2 }));
      x = note(1, relu(x));
      x = note(2, pool(x));
      layers.forEach((layer, i) => {
        const index = i + 3;
        x = note(index, layer === 'pool' ? pool(x) : fire(features.at(index), x, [narrow(layer[0]), narrow(layer[1])]));
      });
      return x;
    },
    head(s, features, numClasses) {
      const dropped = dropout(s.at('classifier').at(0), features, p);
      const initialiser = normal(0.01);
      const options = { channels: numClasses, kernel: 1, initialiser, biasInitialiser: filled(0) };
      return globalAveragePool(relu(conv2d(s.at('classifier').at(1), dropped, options)));
    },
  };
}

export const squeezenets = {
  squeezenet1_0: {
    stem: { channels: 96, kernel: 7 },
    layers: [[16, 64], [16, 64], [32, 128], 'pool', [32, 128], [48, 192], [48, 192], [64, 256], 'pool', [64, 256]],
  },
  squeezenet1_1: {
    stem: { channels: 64, kernel: 3 },
    layers: [[16, 64], [16, 64], 'pool', [32, 128], [32, 128], 'pool', [48, 192], [48, 192], [64, 256], [64, 256]],
  },
} as const satisfies Record<string, SqueezeNetConfig>;

/** Its variants in the zoo, by name. */
export const squeezenetModels = /* @__PURE__ */ family(
  squeezenets,
  squeezenet,
  'Iandola et al. 2016, arXiv 1602.07360',
);
