import { batchNorm, conv2d, linear } from '../nn/index.ts';
import { add, flatten, maxPool, relu } from '../ops/index.ts';
import type { Conv4Config } from './conv4.ts';
import { family, small } from './family.ts';
import type { Architecture } from './model.ts';

/**
 * Conv-4 with the residual adds of the Futurama study, x + relu(conv(x)) (`futurama.ts`), and batch norm and max-pool
 * behind the add: y = pool(bn(relu(conv(x)) + x)). With the norm before the add, nonnegative activations grow from
 * layer to layer, and no inner learning rate that the head can bear is high enough to learn (`docs/architecture.md`).
 * The first layer has no add, so that there are no projections, and the parameters are those of conv-4. Endpoints:
 * layer1 to layer4.
 */
export function residualConv4({ filters }: Pick<Conv4Config, 'filters'>): Architecture {
  return {
    headPath: 'fc',
    backbone(s, images) {
      let x = images;
      for (let i = 1; i <= 4; i++) {
        const layer = s.at(`layer${i}`);
        const y = conv2d(layer.at('conv'), x, { channels: filters, kernel: 3, padding: 1 });
        const activation = relu(y);
        const sum = i === 1 ? activation : add(activation, x);
        x = s.endpoint(layer.path, maxPool(batchNorm(layer.at('bn'), sum), { kernel: [2, 2] }));
      }
      return flatten(x);
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const residualConv4s = {
  residual_conv4: { filters: 64 },
  residual_conv4_32: { filters: 32 },
} as const satisfies Record<string, Pick<Conv4Config, 'filters'>>;

/** Its variants in the zoo, by name. */
export const residualConv4Models = /* @__PURE__ */ small(
  /* @__PURE__ */ family(residualConv4s, residualConv4, 'He et al. 2015, arXiv 1512.03385, on conv-4'),
);
