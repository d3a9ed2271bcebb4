export { type Augmentation, pictureSource } from './picture-source.ts';
export { type Checkpoint, describeCheckpoint, readCheckpoint, weightsFor } from './pretrained.ts';
export { type Run, RunFolder, readLast, readRun } from './run-folder.ts';
export {
  type FolderEvent,
  imageFolderOptions,
  type Preparation,
  type ReadyEvent,
  resumeTraining,
  type TrainFolderOptions,
  trainFolder,
} from './train-folder.ts';
