export * from '@graft-ml/core/fit';
export {
  type CreateModelOptions,
  createModel,
  FolderImages,
  type ImageFolder,
  type ImageFolderOptions,
  imageFolder,
  type LoadModelOptions,
  loadModel,
  Model,
} from '../transfer/index.ts';
