import { batchNorm, conv2d, linear } from '../nn/index.ts';
import { add, flatten, maxPool, relu } from '../ops/index.ts';
import type { Conv4Config } from './conv4.ts';
import type { Architecture } from './model.ts';

/**
 * Conv-4 with the residual adds of the Futurama study (`futurama.ts`): what goes into a layer is added behind its ReLU, before
 * the max-pool, y = pool(relu(bn(conv(x))) + x). All but the first layer have as many channels on both sides, and the first has
 * no add, so that there are no projections and the parameters are those of conv-4. Endpoints: layer1 to layer4.
 */
export function residualConv4({ filters }: Pick<Conv4Config, 'filters'>): Architecture {
  return {
    headPath: 'fc',
    trunk(s, pictures) {
      let x = pictures;
      for (let i = 1; i <= 4; i++) {
        const layer = s.at(`layer${i}`);
        const y = conv2d(layer.at('conv'), x, { channels: filters, kernel: 3, padding: 1 });
        const activation = relu(batchNorm(layer.at('bn'), y));
        const sum = i === 1 ? activation : add(activation, x);
        x = s.endpoint(layer.path, maxPool(sum, { kernel: [2, 2] }));
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
