import { adaptiveAveragePool, conv2d, dropout, type Layer, linear, sequential } from '../nn/index.ts';
import { flatten, maxPool, relu as rectify } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface AlexNetConfig {
  /** Channels of the five convolutions. */
  readonly channels: readonly [number, number, number, number, number];
  /** Features of the two hidden layers behind them. */
  readonly hidden: number;
  readonly dropout?: number;
}

const conv =
  (channels: number, kernel: number, options: { stride?: number; padding: number }): Layer =>
  (s, x) =>
    conv2d(s, x, { channels, kernel, ...options });
const dense =
  (features: number): Layer =>
  (s, x) =>
    linear(s, x, { features });
const relu: Layer = (_s, x) => rectify(x);
const pool: Layer = (_s, x) => maxPool(x, { kernel: [3, 3], strides: [2, 2] });

/**
 * AlexNet as its author reduced it to one tower (Krizhevsky 2014, arXiv 1404.5997).
 * Endpoints: features.0 to features.12, avgpool, classifier.0 to classifier.5.
 */
export function alexnet({ channels: [c1, c2, c3, c4, c5], hidden, dropout: p = 0.5 }: AlexNetConfig): Architecture {
  const drop: Layer = (s, x) => dropout(s, x, p);
  return {
    headPath: 'classifier.6',
    sides: { minimum: 63 },
    backbone(s, images) {
      const maps = sequential(s.at('features'), images, [
        [conv(c1, 11, { stride: 4, padding: 2 }), relu, pool],
        [conv(c2, 5, { padding: 2 }), relu, pool],
        [conv(c3, 3, { padding: 1 }), relu],
        [conv(c4, 3, { padding: 1 }), relu],
        [conv(c5, 3, { padding: 1 }), relu, pool],
      ]);
      const pooled = s.endpoint('avgpool', adaptiveAveragePool(maps, [6, 6]));
      return sequential(s.at('classifier'), flatten(pooled), [
        [drop],
        [dense(hidden), relu, drop],
        [dense(hidden), relu],
      ]);
    },
    head: (s, features, numClasses) => linear(s.at('classifier').at(6), features, { features: numClasses }),
  };
}

export const alexnets = {
  alexnet: { channels: [64, 192, 384, 256, 256], hidden: 4096 },
} as const satisfies Record<string, AlexNetConfig>;

/** Its variants in the zoo, by name. */
export const alexnetModels = /* @__PURE__ */ family(alexnets, alexnet, 'Krizhevsky 2014, arXiv 1404.5997');
