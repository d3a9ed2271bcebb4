import { describe, expect, test } from 'vitest';
import { feedNames } from '../fit/step.ts';
import { input } from '../graph/index.ts';
import { applyModel, getModel, listArchitectures } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { lastSpatial } from './spatial.ts';

/** Where Grad-CAM looks by default at images of a model's own size: a name, and the rows and columns of its map. */
const defaults: readonly (readonly [models: RegExp, endpoint: string, side: number])[] = [
  [/^squeezenet1_[01]$/, 'features.12', 13],
  [/^(wide_)?res(net|next)(18|34|50|101|152)/, 'layer4', 7],
  [/^alexnet$/, 'avgpool', 6],
  [/^vgg/, 'avgpool', 7],
  [/^inception_v3/, 'Mixed_7c', 8],
  [/^densenet/, 'features.norm5', 7],
  [/^mobilenet_v2$/, 'features.18', 7],
  [/^mobilenet_v3_small/, 'features.12', 7],
  [/^mobilenet_v3_large/, 'features.16', 7],
  [/^efficientnet_b0$/, 'features.8', 7],
  [/^efficientnet_b1$/, 'features.8', 8],
  [/^efficientnet_b2$/, 'features.8', 9],
  [/^efficientnet_b3$/, 'features.8', 10],
  [/^efficientnet_b4$/, 'features.8', 12],
  [/^efficientnet_b5$/, 'features.8', 15],
  [/^efficientnet_b5_timm$/, 'features.8', 14],
  [/^efficientnet_b6$/, 'features.8', 17],
  [/^efficientnet_b7$/, 'features.8', 19],
  [/^efficientnet_v2_s$/, 'features.7', 12],
  [/^regnet_y/, 'trunk_output.block4', 7],
  [/^convnext/, 'features.7', 7],
  [/^vit_b_16$/, 'encoder.layers.encoder_layer_10', 14],
  [/^vit_b_32_384$/, 'encoder.layers.encoder_layer_10', 12],
  [/^vit_b_16_384$/, 'encoder.layers.encoder_layer_10', 24],
  [/^vit_b_32$/, 'encoder.layers.encoder_layer_10', 7],
  [/^vit_l_16$/, 'encoder.layers.encoder_layer_22', 14],
  [/^vit_l_16_384$/, 'encoder.layers.encoder_layer_22', 24],
  [/^vit_l_16_512$/, 'encoder.layers.encoder_layer_22', 32],
  [/^swin_t$/, 'norm', 7],
  [/^(residual_)?conv4(_32)?$/, 'layer3', 3],
  [/^conv4(_32)?_stride$/, 'layer4', 2],
  [/^futurama/, 'convs.3', 28],
  [/^resnet12/, 'layer4', 5],
];

describe('the default endpoint of', () => {
  test.each(listArchitectures())('%s is its last map', (name) => {
    const model = getModel(name);
    const { crop } = model.preprocessing;
    const { scope, trace } = Scope.root({ training: false });
    const output = applyModel(model, scope, input(feedNames.input, 'f32', [2, 3, crop, crop]), { numClasses: 5 });
    const found = lastSpatial(trace.endpoints, output, { channels: 3, height: crop, width: crop });
    const [, endpoint, side] = defaults.find(([models]) => models.test(name))!;
    expect([found.name, found.height, found.width]).toEqual([endpoint, side, side]);
  });
});
