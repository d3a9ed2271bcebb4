import { batchNorm, conv2d, linear } from '../nn/index.ts';
import { flatten, maxPool, relu } from '../ops/index.ts';
import type { Architecture } from './model.ts';

export interface Conv4Config {
  /** Filters of every layer. */
  readonly filters: number;
}

/**
 * The four-layer network of the few-shot literature (Vinyals et al. 2016, section 4.1): 3x3 convolution, batch norm,
 * ReLU, 2x2 max-pool, four times. For small pictures; 28x28 gives one position. Endpoints: layer1 to layer4.
 */
export function conv4({ filters }: Conv4Config): Architecture {
  return {
    headPath: 'fc',
    trunk(s, pictures) {
      let x = pictures;
      for (let i = 1; i <= 4; i++) {
        const layer = s.at(`layer${i}`);
        x = conv2d(layer.at('conv'), x, { channels: filters, kernel: 3, padding: 1 });
        x = s.endpoint(layer.path, maxPool(relu(batchNorm(layer.at('bn'), x)), { kernel: [2, 2] }));
      }
      return flatten(x);
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const conv4s = {
  conv4: { filters: 64 },
} as const satisfies Record<string, Conv4Config>;
