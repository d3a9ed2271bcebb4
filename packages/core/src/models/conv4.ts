import type { Value } from '../graph/index.ts';
import { batchNorm, conv2d, globalAveragePool, linear, type Scope } from '../nn/index.ts';
import { flatten, maxPool, relu } from '../ops/index.ts';
import { family, small } from './family.ts';
import type { Architecture } from './model.ts';

export interface Conv4Config {
  /** Filters of every layer. */
  readonly filters: number;
  /**
   * The way the image is halved: by a 2x2 max-pool after each layer or by the stride of its convolution. Default
   * `max-pool`.
   */
  readonly halving?: 'max-pool' | 'stride';
}

/**
 * 3x3 convolution, batch norm, ReLU and, unless the convolution has a stride of 2, a 2x2 max-pool.
 * (n, c, h, w) → (n, filters, h/2, w/2), which a max-pool rounds down and a stride up.
 */
function layer(s: Scope, x: Value, { filters, halving }: Required<Conv4Config>): Value {
  const stride = halving === 'stride' ? 2 : 1;
  const y = conv2d(s.at('conv'), x, { channels: filters, kernel: 3, stride, padding: 1 });
  const normal = batchNorm(s.at('bn'), y);
  // ReLU commutes with max, so pooling first saves three quarters of the ReLU's work.
  return relu(halving === 'stride' ? normal : maxPool(normal, { kernel: [2, 2] }));
}

/**
 * The four-layer network of the few-shot literature (Vinyals et al. 2016, section 4.1), for small images. With
 * max-pools all positions go into the head: one at 28x28, 5x5 at the 84x84 of mini-ImageNet, where 32 filters are usual
 * (Ravi & Larochelle 2017). MAML's network for Omniglot has strides in their place and averages the 2x2 positions that
 * are left of 28x28 (Finn et al. 2017, section 5.2, and its code). Endpoints: layer1 to layer4.
 */
export function conv4({ filters, halving = 'max-pool' }: Conv4Config): Architecture {
  return {
    headPath: 'fc',
    backbone(s, images) {
      let x = images;
      for (let i = 1; i <= 4; i++) {
        const unit = s.at(`layer${i}`);
        x = s.endpoint(unit.path, layer(unit, x, { filters, halving }));
      }
      return halving === 'stride' ? globalAveragePool(x) : flatten(x);
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const conv4s = {
  conv4: { filters: 64 },
  conv4_32: { filters: 32 },
  conv4_stride: { filters: 64, halving: 'stride' },
  conv4_32_stride: { filters: 32, halving: 'stride' },
} as const satisfies Record<string, Conv4Config>;

/** Its variants in the zoo, by name. */
export const conv4Models = /* @__PURE__ */ small(
  /* @__PURE__ */ family(conv4s, conv4, 'Vinyals et al. 2016, arXiv 1606.04080'),
);
