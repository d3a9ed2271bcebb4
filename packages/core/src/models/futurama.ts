import { conv2d, linear, silu } from '../nn/index.ts';
import { add, flatten, maxPool } from '../ops/index.ts';
import { family, small } from './family.ts';
import type { Architecture } from './model.ts';

export interface FuturamaConfig {
  /** Filters of every layer. */
  readonly filters: number;
  /** Adds the input of each layer but the first to its output. */
  readonly residual: boolean;
}

/**
 * The two networks of the study on Omniglot's Futurama alphabet (`CNN_` and `ResNet_`, each by MAML and by BOIL;
 * lif31up/model-agnostic-meta-learning), as its code has them: four 3x3 convolutions with SiLU that keep the size,
 * without norms, and one 3x3 max-pool of stride 1, so that 26x26 positions of a 28x28 image go into the head. The first
 * layer of the form without adds has no activation. The adds stand behind the SiLU, x + silu(conv(x)). Endpoints:
 * convs.0 to convs.3.
 */
export function futurama({ filters, residual }: FuturamaConfig): Architecture {
  return {
    headPath: 'fc',
    backbone(s, images) {
      let x = images;
      for (let i = 0; i < 4; i++) {
        const layer = s.at('convs').at(i);
        const y = conv2d(layer, x, { channels: filters, kernel: 3, padding: 1 });
        if (i === 0) x = residual ? silu(y) : y;
        else x = residual ? add(x, silu(y)) : silu(y);
        x = s.endpoint(layer.path, x);
      }
      return flatten(maxPool(x, { kernel: [3, 3], strides: [1, 1] }));
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const futuramas = {
  futurama_cnn: { filters: 32, residual: false },
  futurama_resnet: { filters: 32, residual: true },
} as const satisfies Record<string, FuturamaConfig>;

/** Its variants in the zoo, by name. */
export const futuramaModels = /* @__PURE__ */ small(
  /* @__PURE__ */ family(futuramas, futurama, 'github.com/lif31up/model-agnostic-meta-learning'),
);
