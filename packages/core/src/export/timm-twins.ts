import type { ArchitectureName } from '../models/names.ts';

/** The model of timm (1.0) that computes what one of the zoo's architectures does. */
export interface TimmTwin {
  /** timm's name for it. */
  readonly architecture: string;
  /** Its pooling before the head, as its `config.json` has it. */
  readonly globalPool: 'avg' | 'token' | '';
  /** The paths of its first convolution and of its last layer. */
  readonly firstConv: string;
  readonly classifier: string;
  /** Arguments of its constructor beside the number of classes, where its defaults are not those of the zoo. */
  readonly arguments?: Readonly<Record<string, number>>;
  /** True where its position embedding or windows are made for one size of images. */
  readonly isFixedSize?: boolean;
}

const resnet = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'conv1',
  classifier: 'fc',
});
const vgg = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'features.0',
  classifier: 'head.fc',
});
const densenet = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'features.conv0',
  classifier: 'classifier',
});
const inception: TimmTwin = {
  architecture: 'inception_v3',
  globalPool: 'avg',
  firstConv: 'Conv2d_1a_3x3.conv',
  classifier: 'fc',
};
const mobile = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'conv_stem',
  classifier: 'classifier',
});
/** torchvision's batch norms of these have an epsilon of 0.001, timm's of 0.00001. */
const mobileOfTorchvision = (architecture: string): TimmTwin => ({
  ...mobile(architecture),
  arguments: { bn_eps: 0.001 },
});
const regnet = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'stem.conv',
  classifier: 'head.fc',
});
const convnext = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'avg',
  firstConv: 'stem.0',
  classifier: 'head.fc',
});
const vit = (architecture: string): TimmTwin => ({
  architecture,
  globalPool: 'token',
  firstConv: 'patch_embed.proj',
  classifier: 'head',
  isFixedSize: true,
});

/** Architectures of the zoo that timm does not have: SqueezeNet, AlexNet, and those of few-shot learning. */
type WithoutTwin =
  | 'squeezenet1_0'
  | 'squeezenet1_1'
  | 'alexnet'
  | 'conv4'
  | 'conv4_32'
  | 'conv4_stride'
  | 'conv4_32_stride'
  | 'residual_conv4'
  | 'residual_conv4_32'
  | 'futurama_cnn'
  | 'futurama_resnet'
  | 'resnet12'
  | 'resnet12_wide';

const twins: Readonly<Record<Exclude<ArchitectureName, WithoutTwin>, TimmTwin>> = {
  resnet18: resnet('resnet18'),
  resnet34: resnet('resnet34'),
  resnet50: resnet('resnet50'),
  resnet101: resnet('resnet101'),
  resnet152: resnet('resnet152'),
  resnext50_32x4d: resnet('resnext50_32x4d'),
  wide_resnet50_2: resnet('wide_resnet50_2'),
  vgg11: vgg('vgg11'),
  vgg11_bn: vgg('vgg11_bn'),
  vgg13: vgg('vgg13'),
  vgg13_bn: vgg('vgg13_bn'),
  vgg16: vgg('vgg16'),
  vgg16_bn: vgg('vgg16_bn'),
  vgg19: vgg('vgg19'),
  vgg19_bn: vgg('vgg19_bn'),
  inception_v3: inception,
  inception_v3_no_aux: inception,
  densenet121: densenet('densenet121'),
  densenet161: densenet('densenet161'),
  densenet169: densenet('densenet169'),
  densenet201: densenet('densenet201'),
  mobilenet_v2: mobile('mobilenetv2_100'),
  mobilenet_v3_small: mobileOfTorchvision('mobilenetv3_small_100'),
  mobilenet_v3_small_timm: mobile('mobilenetv3_small_100'),
  mobilenet_v3_large: mobileOfTorchvision('mobilenetv3_large_100'),
  mobilenet_v3_large_timm: mobile('mobilenetv3_large_100'),
  efficientnet_b0: mobile('efficientnet_b0'),
  efficientnet_b1: mobile('efficientnet_b1'),
  efficientnet_b2: mobile('efficientnet_b2'),
  efficientnet_b3: mobile('efficientnet_b3'),
  efficientnet_b4: mobile('efficientnet_b4'),
  efficientnet_b5: mobileOfTorchvision('efficientnet_b5'),
  efficientnet_b5_timm: mobile('efficientnet_b5'),
  efficientnet_b6: mobileOfTorchvision('efficientnet_b6'),
  efficientnet_b7: mobileOfTorchvision('efficientnet_b7'),
  efficientnet_v2_s: mobileOfTorchvision('efficientnetv2_s'),
  regnet_y_400mf: regnet('regnety_004'),
  regnet_y_800mf: regnet('regnety_008_tv'),
  convnext_tiny: convnext('convnext_tiny'),
  convnext_small: convnext('convnext_small'),
  convnext_base: convnext('convnext_base'),
  convnext_large: convnext('convnext_large'),
  vit_b_16: vit('vit_base_patch16_224'),
  vit_b_16_384: vit('vit_base_patch16_384'),
  vit_b_32: vit('vit_base_patch32_224'),
  vit_b_32_384: vit('vit_base_patch32_384'),
  vit_l_16: vit('vit_large_patch16_224'),
  vit_l_16_384: vit('vit_large_patch16_384'),
  vit_l_16_512: vit('vit_large_patch16_384'),
  swin_t: { ...vit('swin_tiny_patch4_window7_224'), globalPool: 'avg', classifier: 'head.fc' },
};

const byName: ReadonlyMap<string, TimmTwin> = new Map(Object.entries(twins));

/** timm's model for one of the zoo's architectures; undefined where timm has none. */
export function timmTwin(architecture: string): TimmTwin | undefined {
  return byName.get(architecture);
}
