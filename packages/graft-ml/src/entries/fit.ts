/**
 * Models and their training: networks, image folders, the loop, metrics, checkpoints, and the events of a run.
 *
 * @module graft-ml/fit
 */
export * from '@graft-ml/core/fit';
export type { ModelOptions } from '../checkpoint/ready-model.ts';
export { type CheckpointFolder, type CheckpointFolderOptions, checkpointFolder } from '../runs/checkpoint-folder.ts';
export { Profiler, readProfile, writeProfile } from '../runs/profile.ts';
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
  type OpenedDataset,
  type SaveOptions,
} from '../transfer/index.ts';
