export { conv4 } from './conv4.ts';
export {
  type Architecture,
  applyModel,
  imageNetPreprocessing,
  isHead,
  type Model,
  type Preprocessing,
} from './model.ts';
export { getModel, listModels } from './registry.ts';
export { resnet } from './resnet.ts';
export { squeezenet } from './squeezenet.ts';
