import type { Value } from '../graph/index.ts';
import { batchNorm, conv2d, globalAveragePool, kaimingNormalFanOut, linear, type Scope } from '../nn/index.ts';
import { add, maxPool, relu } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

/** The groups and the width of a bottleneck's 3x3 convolution. */
export interface Cardinality {
  readonly groups?: number;
  /** Channels of each group where `channels` is 64, and in proportion elsewhere. */
  readonly widthPerGroup?: number;
}

/** One residual block. (n, c, h, w) → (n, channels · expansion, h/stride, w/stride). */
type Block = (s: Scope, x: Value, channels: number, stride: number, cardinality: Cardinality) => Value;

function conv(s: Scope, x: Value, channels: number, kernel: number, stride = 1, groups = 1): Value {
  const padding = (kernel - 1) / 2;
  return conv2d(s, x, { channels, kernel, stride, padding, groups, bias: false, initialiser: kaimingNormalFanOut });
}

/** The identity, or where the shape changes a 1x1 convolution (He et al. 2015, option B). */
function shortcut(s: Scope, x: Value, channels: number, stride: number): Value {
  if (stride === 1 && x.shape[1] === channels) return x;
  return batchNorm(s.at(1), conv(s.at(0), x, channels, 1, stride));
}

/** Two 3x3 convolutions (He et al. 2015, fig. 5 left). */
const basic: Block = (s, x, channels, stride) => {
  let y = relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), x, channels, 3, stride)));
  y = batchNorm(s.at('bn2'), conv(s.at('conv2'), y, channels, 3));
  return relu(add(y, shortcut(s.at('downsample'), x, channels, stride)));
};

/**
 * 1x1, 3x3, 1x1 (fig. 5 right), with the stride on the 3x3 as in torchvision ("ResNet v1.5"). The 3x3 may stand in
 * groups (Xie et al. 2016, fig. 3c) or be wider (Zagoruyko & Komodakis 2016).
 */
const bottleneck: Block = (s, x, channels, stride, { groups = 1, widthPerGroup = 64 }) => {
  const inner = Math.floor((channels * widthPerGroup) / 64) * groups;
  let y = relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), x, inner, 1)));
  y = relu(batchNorm(s.at('bn2'), conv(s.at('conv2'), y, inner, 3, stride, groups)));
  y = batchNorm(s.at('bn3'), conv(s.at('conv3'), y, channels * 4, 1));
  return relu(add(y, shortcut(s.at('downsample'), x, channels * 4, stride)));
};

const blocks: Readonly<Record<ResNetConfig['block'], Block>> = { basic, bottleneck };

export interface ResNetConfig extends Cardinality {
  readonly block: 'basic' | 'bottleneck';
  /** Blocks in each of the four stages. */
  readonly layers: readonly [number, number, number, number];
  /** Channels of the first stage; each further stage has twice as many. Default 64. */
  readonly width?: number;
}

/**
 * ResNet (He et al. 2015, arXiv 1512.03385, table 1). Endpoints: stem, maxpool, each block, layer1 to layer4, avgpool.
 */
export function resnet({ block: kind, layers, width = 64, ...cardinality }: ResNetConfig): Architecture {
  const block = blocks[kind];
  return {
    headPath: 'fc',
    backbone(s, images) {
      let x = s.endpoint('stem', relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), images, width, 7, 2))));
      x = s.endpoint('maxpool', maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }));
      layers.forEach((depth, i) => {
        const stage = s.at(`layer${i + 1}`);
        for (let k = 0; k < depth; k++) {
          const unit = stage.at(k);
          x = s.endpoint(unit.path, block(unit, x, width * 2 ** i, i > 0 && k === 0 ? 2 : 1, cardinality));
        }
        s.endpoint(stage.path, x);
      });
      return s.endpoint('avgpool', globalAveragePool(x));
    },
    head: (s, features, numClasses) => linear(s.at('fc'), features, { features: numClasses }),
  };
}

export const resnets = {
  resnet18: { block: 'basic', layers: [2, 2, 2, 2] },
  resnet34: { block: 'basic', layers: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', layers: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', layers: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', layers: [3, 8, 36, 3] },
} as const satisfies Record<string, ResNetConfig>;

export const resnexts = {
  resnext50_32x4d: { block: 'bottleneck', layers: [3, 4, 6, 3], groups: 32, widthPerGroup: 4 },
} as const satisfies Record<string, ResNetConfig>;

export const wideResnets = {
  wide_resnet50_2: { block: 'bottleneck', layers: [3, 4, 6, 3], widthPerGroup: 128 },
} as const satisfies Record<string, ResNetConfig>;

/** Its variants in the zoo, by name. */
export const resnetModels = /* @__PURE__ */ Object.assign(
  {},
  /* @__PURE__ */ family(resnets, resnet, 'He et al. 2015, arXiv 1512.03385'),
  /* @__PURE__ */ family(resnexts, resnet, 'Xie et al. 2016, arXiv 1611.05431'),
  /* @__PURE__ */ family(wideResnets, resnet, 'Zagoruyko & Komodakis 2016, arXiv 1605.07146'),
);
