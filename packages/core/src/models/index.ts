export { alexnet } from './alexnet.ts';
export { conv4 } from './conv4.ts';
export { convnext } from './convnext.ts';
export { densenet } from './densenet.ts';
export { efficientnet } from './efficientnet.ts';
export { futurama } from './futurama.ts';
export { withDropout, withHead } from './head.ts';
export { inception } from './inception.ts';
export { mobilenetV2 } from './mobilenet-v2.ts';
export { mobilenetV3 } from './mobilenet-v3.ts';
export {
  type Architecture,
  type AuxiliaryHead,
  applyModel,
  auxiliaryLogits,
  backboneEndpoint,
  fittedTo,
  type HeadLayer,
  type HeadLayerName,
  type HeadLayers,
  hasResiduals,
  headPattern,
  imageNetPreprocessing,
  type NamedArchitecture,
  type Preprocessing,
  penultimate,
} from './model.ts';
export { isOnnx, listArchitectures, otherNetwork } from './names.ts';
export { type OnnxModel, type OnnxModelOptions, openOnnxModel } from './onnx/open.ts';
export { parsePreprocessing } from './preprocessing.ts';
export { getModel } from './registry.ts';
export { regnet } from './regnet.ts';
export { residualConv4 } from './residual-conv4.ts';
export { resnet } from './resnet.ts';
export { resnet12 } from './resnet12.ts';
export { squeezenet } from './squeezenet.ts';
export { swin } from './swin.ts';
export { vgg } from './vgg.ts';
export { vit } from './vit.ts';
