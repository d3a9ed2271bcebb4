import { alexnet } from '@graft-ml/core/internal/models/alexnet';
import { conv4 } from '@graft-ml/core/internal/models/conv4';
import { convnext } from '@graft-ml/core/internal/models/convnext';
import { densenet } from '@graft-ml/core/internal/models/densenet';
import { type EfficientNetConfig, efficientnet } from '@graft-ml/core/internal/models/efficientnet';
import { futurama } from '@graft-ml/core/internal/models/futurama';
import { inception } from '@graft-ml/core/internal/models/inception';
import { mobilenetV2 } from '@graft-ml/core/internal/models/mobilenet-v2';
import { mobilenetV3 } from '@graft-ml/core/internal/models/mobilenet-v3';
import { regnet } from '@graft-ml/core/internal/models/regnet';
import { residualConv4 } from '@graft-ml/core/internal/models/residual-conv4';
import { resnet } from '@graft-ml/core/internal/models/resnet';
import { resnet12 } from '@graft-ml/core/internal/models/resnet12';
import { squeezenet, squeezenets } from '@graft-ml/core/internal/models/squeezenet';
import { swin } from '@graft-ml/core/internal/models/swin';
import { vgg, vggs } from '@graft-ml/core/internal/models/vgg';
import { vit } from '@graft-ml/core/internal/models/vit';
import type { Architecture } from '@graft-ml/core/models';

const narrowViT = vit({ size: 32, patch: 8, layers: 2, heads: 2, width: 16, hidden: 32 });
const narrowSwin = { width: 4, window: 3, stochasticDepth: 0 };

const narrowEfficientNet: EfficientNetConfig = {
  stem: 8,
  stages: [
    ['inverted', 1, 3, 1, 8, 1],
    ['inverted', 6, 3, 2, 8, 1],
    ['inverted', 4, 5, 2, 16, 2],
  ],
  last: 24,
  dropout: 0,
  stochasticDepth: 0,
};
const narrowEfficientNetV2: EfficientNetConfig = {
  ...narrowEfficientNet,
  stages: [
    ['fused', 1, 3, 1, 8, 1],
    ['fused', 4, 3, 2, 8, 2],
    ['inverted', 4, 3, 2, 8, 2],
  ],
};

/** Each kind of block once. */
const narrowInception = {
  pooled: [32],
  between: [128],
  expanded: 1,
  narrow: (channels: number) => Math.max(4, Math.ceil(channels / 32)),
  dropout: 0,
};

/** What the runs of `golden/model-NAME.safetensors` were made with: each family narrow enough for a small file. */
export const narrowModels: Readonly<Record<string, Architecture>> = {
  squeezenet1_0: squeezenet({ ...squeezenets.squeezenet1_0, widthDivisor: 8, dropout: 0 }),
  squeezenet1_1: squeezenet({ ...squeezenets.squeezenet1_1, widthDivisor: 8, dropout: 0 }),
  resnet_basic: resnet({ block: 'basic', layers: [1, 1, 1, 1], width: 8 }),
  resnet_bottleneck: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }),
  resnet_grouped: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 2, groups: 2, widthPerGroup: 96 }),
  alexnet: alexnet({ channels: [4, 6, 8, 6, 6], hidden: 16, dropout: 0 }),
  vgg: vgg({ ...vggs.vgg11, width: 2, hidden: 8, dropout: 0 }),
  vgg_bn: vgg({ ...vggs.vgg13_bn, width: 2, hidden: 8, dropout: 0 }),
  inception: inception({ ...narrowInception, auxiliary: false, transformInput: true }),
  inception_auxiliary: inception({ ...narrowInception, auxiliary: true }),
  densenet: densenet({ layers: [2, 2, 3, 2], growth: 4, stem: 8 }),
  mobilenet_v2: mobilenetV2({
    stem: 8,
    stages: [
      [1, 8, 1, 1],
      [6, 8, 2, 2],
      [6, 16, 1, 2],
      [6, 8, 1, 1],
    ],
    last: 24,
    dropout: 0,
  }),
  mobilenet_v3: mobilenetV3({
    stem: 8,
    rows: [
      [3, 8, 8, 'SE', 'RE', 1],
      [3, 24, 8, '', 'RE', 2],
      [3, 16, 8, '', 'RE', 1],
      [5, 24, 16, 'SE', 'HS', 2],
      [5, 40, 16, 'SE', 'HS', 1],
      [3, 24, 8, '', 'HS', 2],
    ],
    features: 24,
    dropout: 0,
  }),
  efficientnet: efficientnet(narrowEfficientNet),
  efficientnet_v2: efficientnet({ ...narrowEfficientNetV2, norm: { epsilon: 1e-3, momentum: 0.01 } }),
  efficientnet_stochastic: efficientnet({ ...narrowEfficientNetV2, dropout: 0.4, stochasticDepth: 0.8 }),
  regnet_y: regnet({ stem: 8, depths: [1, 2], widths: [16, 24], groupWidth: 8 }),
  convnext: convnext({
    stages: [
      [4, 1],
      [8, 1],
      [12, 2],
      [16, 1],
    ],
    stochasticDepth: 0,
  }),
  vit: narrowViT,
  vit_larger: narrowViT,
  conv4: conv4({ filters: 6 }),
  conv4_stride: conv4({ filters: 6, halving: 'stride' }),
  residual_conv4: residualConv4({ filters: 6 }),
  futurama_cnn: futurama({ filters: 4, residual: false }),
  futurama_resnet: futurama({ filters: 4, residual: true }),
  resnet12: resnet12({ channels: [4, 6, 8, 10] }),
  swin: swin({
    ...narrowSwin,
    stages: [
      [2, 1],
      [2, 2],
      [2, 4],
    ],
  }),
  swin_stochastic: swin({
    ...narrowSwin,
    stages: [
      [2, 1],
      [2, 2],
    ],
    stochasticDepth: 0.6,
  }),
};
