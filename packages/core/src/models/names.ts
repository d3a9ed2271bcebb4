import { unknownName } from '../base/choice.ts';
import { OptionError } from '../base/errors.ts';

/**
 * Every architecture of the zoo, in its order. A table of its own, so that options and help know the names without
 * loading a network: the registry does not compile with a name more or less.
 */
const architectureNames = [
  'squeezenet1_0',
  'squeezenet1_1',
  'resnet18',
  'resnet34',
  'resnet50',
  'resnet101',
  'resnet152',
  'resnext50_32x4d',
  'wide_resnet50_2',
  'alexnet',
  'vgg11',
  'vgg11_bn',
  'vgg13',
  'vgg13_bn',
  'vgg16',
  'vgg16_bn',
  'vgg19',
  'vgg19_bn',
  'inception_v3',
  'inception_v3_no_aux',
  'densenet121',
  'densenet161',
  'densenet169',
  'densenet201',
  'mobilenet_v2',
  'mobilenet_v3_small',
  'mobilenet_v3_small_timm',
  'mobilenet_v3_large',
  'mobilenet_v3_large_timm',
  'efficientnet_b0',
  'efficientnet_b1',
  'efficientnet_b2',
  'efficientnet_b3',
  'efficientnet_b4',
  'efficientnet_b5',
  'efficientnet_b5_timm',
  'efficientnet_b6',
  'efficientnet_b7',
  'efficientnet_v2_s',
  'regnet_y_400mf',
  'regnet_y_800mf',
  'convnext_tiny',
  'convnext_small',
  'convnext_base',
  'convnext_large',
  'vit_b_16',
  'vit_b_16_384',
  'vit_b_32',
  'vit_b_32_384',
  'vit_l_16',
  'vit_l_16_384',
  'vit_l_16_512',
  'swin_t',
  'conv4',
  'conv4_32',
  'conv4_stride',
  'conv4_32_stride',
  'residual_conv4',
  'residual_conv4_32',
  'futurama_cnn',
  'futurama_resnet',
  'resnet12',
  'resnet12_wide',
] as const;

export type ArchitectureName = (typeof architectureNames)[number];

/** The names of all architectures, in the order of the zoo. */
export function listArchitectures(): string[] {
  return [...architectureNames];
}

/** Advice for a network that is not in the zoo. */
export const otherNetwork =
  'For a network that Graft does not have, export an ONNX file (torch.onnx.export) and pass it as `model`, or write ' +
  'the network in TypeScript like those of the zoo (CONTRIBUTING.md).';

/** True for the path of an ONNX file, which is a model with its weights. By its name alone: `.onnx`, in any case. */
export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

/** The error for a name that no architecture has, with the nearest ones. */
export function unknownModel(name: string): OptionError {
  const problem = ` ${unknownName(name, listArchitectures(), '`listModels()` lists all.')}`;
  return new OptionError({ option: 'model', expected: 'an architecture', received: name, problem });
}
