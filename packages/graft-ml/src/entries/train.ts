/**
 * Recipes for transfer learning: from a folder of images to a run, resuming, cross-validation and learning rate
 * search.
 *
 * @module graft-ml/train
 */

export * from '@graft-ml/core/train';
export type { ResumeFoldsOptions } from '../experiment/cross-validation.ts';
export {
  type CrossValidationEvent,
  type FoldEvent,
  type FoldResult,
  type FoldSummary,
  type FoldsEvent,
  type MeanInterval,
  resumeFolds,
  resumeRun,
  trainFolds,
} from '../experiment/index.ts';
export {
  type FolderLabelIssues,
  type FolderLabelOptions,
  type ImageLabelIssue,
  type LabelProgress,
  labelIssues,
  type ProbedImage,
} from '../experiment/label-issues.ts';
export { type CheckpointName, type OpenRunStore, type RunStore, readRun } from '../runs/index.ts';
export {
  type FindRateOptions,
  type FolderEvent,
  type FoundRates,
  findFolderRate,
  type InspectConfig,
  type InspectedBlock,
  type InspectedParameter,
  type Inspection,
  type InspectOptions,
  inspectModel,
  type ReadyEvent,
  type ResumeOptions,
  resumeTraining,
  type TrainFolderOptions,
  trainFolder,
  writeRateChart,
} from '../transfer/index.ts';
