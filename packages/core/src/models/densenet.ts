import type { Value } from '../graph/index.ts';
import { batchNorm, conv2d, filled, globalAveragePool, kaimingNormal, linear, type Scope } from '../nn/index.ts';
import { averagePool, concat, maxPool, relu } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface DenseNetConfig {
  /** Dense layers in each of the four blocks. */
  readonly layers: readonly [number, number, number, number];
  /** Channels that each layer adds (k in the paper). */
  readonly growth: number;
  /** Channels of the first convolution. */
  readonly stem: number;
}

function conv(s: Scope, x: Value, channels: number, kernel: number, stride = 1): Value {
  const padding = (kernel - 1) / 2;
  return conv2d(s, x, { channels, kernel, stride, padding, bias: false, initialiser: kaimingNormal });
}

/** Norm, ReLU, 1x1, norm, ReLU, 3x3 (Huang et al. 2016, section 3, "DenseNet-B"). (n, c, h, w) → (n, growth, h, w). */
function denseLayer(s: Scope, x: Value, growth: number): Value {
  const y = conv(s.at('conv1'), relu(batchNorm(s.at('norm1'), x)), 4 * growth, 1);
  return conv(s.at('conv2'), relu(batchNorm(s.at('norm2'), y)), growth, 3);
}

/** Half the channels, half the size. (n, c, h, w) → (n, c/2, h/2, w/2). */
function transition(s: Scope, x: Value): Value {
  const y = conv(s.at('conv'), relu(batchNorm(s.at('norm'), x)), Math.floor(x.shape[1]! / 2), 1);
  return averagePool(y, { kernel: [2, 2] });
}

/**
 * DenseNet-BC (Huang et al. 2016, arXiv 1608.06993, table 1). Endpoints: stem, features.pool0, features.denseblock1 to
 * 4, each layer of theirs (denselayer1, …) and what it passes on, the features before it with its own
 * (denselayer1.concat), features.transition1 to 3, features.norm5.
 */
export function densenet({ layers, growth, stem }: DenseNetConfig): Architecture {
  return {
    headPath: 'classifier',
    sides: { minimum: 29 },
    backbone(s, images) {
      const features = s.at('features');
      let x = relu(batchNorm(features.at('norm0'), conv(features.at('conv0'), images, stem, 7, 2)));
      x = s.endpoint('stem', x);
      x = s.endpoint('features.pool0', maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }));
      layers.forEach((depth, i) => {
        const block = features.at(`denseblock${i + 1}`);
        for (let k = 1; k <= depth; k++) {
          const layer = block.at(`denselayer${k}`);
          const added = s.endpoint(layer.path, denseLayer(layer, x, growth));
          x = s.endpoint(layer.at('concat').path, concat([x, added], 1));
        }
        x = s.endpoint(block.path, x);
        const between = features.at(`transition${i + 1}`);
        if (i < layers.length - 1) x = s.endpoint(between.path, transition(between, x));
      });
      x = s.endpoint('features.norm5', batchNorm(features.at('norm5'), x));
      return globalAveragePool(relu(x));
    },
    head: (s, features, numClasses) =>
      linear(s.at('classifier'), features, { features: numClasses, biasInitialiser: filled(0) }),
  };
}

export const densenets = {
  densenet121: { layers: [6, 12, 24, 16], growth: 32, stem: 64 },
  densenet161: { layers: [6, 12, 36, 24], growth: 48, stem: 96 },
  densenet169: { layers: [6, 12, 32, 32], growth: 32, stem: 64 },
  densenet201: { layers: [6, 12, 48, 32], growth: 32, stem: 64 },
} as const satisfies Record<string, DenseNetConfig>;

/** Its variants in the zoo, by name. */
export const densenetModels = /* @__PURE__ */ family(densenets, densenet, 'Huang et al. 2016, arXiv 1608.06993');
