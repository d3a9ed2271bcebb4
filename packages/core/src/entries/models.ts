/**
 * The model zoo: architectures, models by name, their heads, the weights that are published for them, and foreign ONNX
 * classifiers.
 *
 * @module @graft-ml/core/models
 */
export { type AlexNetConfig, alexnet } from '../models/alexnet.ts';
export { type Conv4Config, conv4 } from '../models/conv4.ts';
export { type ConvNeXtConfig, convnext } from '../models/convnext.ts';
export { type DenseNetConfig, densenet } from '../models/densenet.ts';
export { type EfficientNetConfig, type EfficientNetStage, efficientnet } from '../models/efficientnet.ts';
export { type FuturamaConfig, futurama } from '../models/futurama.ts';
export { type InceptionConfig, inception } from '../models/inception.ts';
export {
  type Architecture,
  type AuxiliaryHead,
  applyModel,
  getModel,
  type HeadLayer,
  type HeadLayerName,
  type HeadLayers,
  imageNetPreprocessing,
  listArchitectures,
  type NamedArchitecture,
  type OnnxModel,
  type OnnxModelOptions,
  openOnnxModel,
  type Preprocessing,
  penultimate,
  withDropout,
  withHead,
} from '../models/index.ts';
export { type MobileNetV2Config, type MobileNetV2Stage, mobilenetV2 } from '../models/mobilenet-v2.ts';
export { type MobileNetV3Block, type MobileNetV3Config, mobilenetV3 } from '../models/mobilenet-v3.ts';
export type { PreprocessingOptions } from '../models/onnx/image.ts';
export { type RegNetConfig, regnet } from '../models/regnet.ts';
export { residualConv4 } from '../models/residual-conv4.ts';
export { type Cardinality, type ResNetConfig, resnet } from '../models/resnet.ts';
export { type ResNet12Config, resnet12 } from '../models/resnet12.ts';
export { type FireModule, type SqueezeNetConfig, squeezenet } from '../models/squeezenet.ts';
export { type SwinConfig, swin } from '../models/swin.ts';
export { type VGGConfig, vgg } from '../models/vgg.ts';
export { type ViTConfig, vit } from '../models/vit.ts';
export { entriesOf, listModels, pretrainedConfig, type WeightsEntry } from '../weights/index.ts';
export type { Licence } from '../weights/registry/entry.ts';
