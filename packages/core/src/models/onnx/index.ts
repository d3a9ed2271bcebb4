export { type OnnxModel, type OnnxModelOptions, openOnnxModel } from './open.ts';
