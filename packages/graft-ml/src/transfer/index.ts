export { type FindRateOptions, type FoundRates, findFolderRate, rateChart, writeRateChart } from './find-rate.ts';
export type { FolderEvent, ReadyEvent } from './folder-events.ts';
export { FolderImages, type OpenedDataset } from './folder-images.ts';
export { type ImageFolder, type ImageFolderOptions, imageFolder } from './image-folder.ts';
export {
  type InspectConfig,
  type InspectedBlock,
  type InspectedParameter,
  type Inspection,
  type InspectOptions,
  inspectModel,
} from './inspect-model.ts';
export { type LoadModelOptions, loadModel } from './load-model.ts';
export { type CreateModelOptions, createModel, Model, type SaveOptions } from './model.ts';
export type { PrepareOptions } from './prepare.ts';
export { unlessAborted } from './run-images.ts';
export type { StepPlacements } from './step-placements.ts';
export {
  type ResumeOptions,
  resumeTraining,
  type TrainFolderOptions,
  trainFolder,
  withAbsolutePaths,
} from './train-folder.ts';
