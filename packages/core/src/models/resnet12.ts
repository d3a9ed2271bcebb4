import type { Value } from '../graph/index.ts';
import {
  batchNorm,
  conv2d,
  globalAveragePool,
  kaimingNormalFanOut,
  leakyRelu,
  linear,
  type Scope,
} from '../nn/index.ts';
import { add, maxPool } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface ResNet12Config {
  /** Channels of the four blocks. */
  readonly channels: readonly [number, number, number, number];
}

const activation = (x: Value) => leakyRelu(x, 0.1);

function conv(s: Scope, x: Value, channels: number, kernel: number): Value {
  const padding = (kernel - 1) / 2;
  return conv2d(s, x, { channels, kernel, padding, bias: false, initialiser: kaimingNormalFanOut });
}

/** Three 3x3 convolutions beside a 1x1, leaky ReLU and a 2x2 max-pool. (n, c, h, w) → (n, channels, ⌊h/2⌋, ⌊w/2⌋). */
function block(s: Scope, x: Value, channels: number): Value {
  let y = activation(batchNorm(s.at('bn1'), conv(s.at('conv1'), x, channels, 3)));
  y = activation(batchNorm(s.at('bn2'), conv(s.at('conv2'), y, channels, 3)));
  y = batchNorm(s.at('bn3'), conv(s.at('conv3'), y, channels, 3));
  const shortcut = s.at('downsample');
  const beside = batchNorm(shortcut.at(1), conv(shortcut.at(0), x, channels, 1));
  return maxPool(activation(add(y, beside)), { kernel: [2, 2] });
}

/**
 * ResNet-12 of the few-shot literature (Oreshkin et al. 2018, TADAM) in the form and with the names of MetaOptNet's
 * code (Lee et al. 2019, section 4.1), without its DropBlock; averaged over the positions, 5x5 of an 84x84 image.
 * Endpoints: layer1 to layer4.
 */
export function resnet12({ channels }: ResNet12Config): Architecture {
  return {
    headPath: 'fc',
    backbone(s, images) {
      let x = images;
      channels.forEach((width, i) => {
        const layer = s.at(`layer${i + 1}`);
        x = s.endpoint(layer.path, block(layer.at(0), x, width));
      });
      return globalAveragePool(x);
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const resnet12s = {
  resnet12: { channels: [64, 128, 256, 512] },
  resnet12_wide: { channels: [64, 160, 320, 640] },
} as const satisfies Record<string, ResNet12Config>;

/** Its variants in the zoo, by name. */
export const resnet12Models = /* @__PURE__ */ family(resnet12s, resnet12, 'Lee et al. 2019, arXiv 1904.03758', {
  resnet12: { resize: 84, crop: 84 },
  resnet12_wide: { resize: 84, crop: 84 },
});
