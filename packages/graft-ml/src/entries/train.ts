/**
 * Recipes for transfer learning: from a folder of images to a run, resuming, cross-validation, learning rate
 * search and choosing a backbone.
 *
 * @module graft-ml/train
 */

export * from '@graft-ml/core/train';
export type { BatchStoppedEvent, ElsewhereEvent, MemberEpochEvent } from '../experiment/batch.ts';
export type { FoldsExecutor, ResumeFoldsOptions } from '../experiment/cross-validation.ts';
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
export type { ModelCandidate } from '../experiment/model-candidates.ts';
export type { ModelScores, RankProgress } from '../experiment/model-scores.ts';
export {
  type ModelRanking,
  type RankedModel,
  type RankOptions,
  type RankScore,
  rankModels,
  type UnrankedModel,
} from '../experiment/rank-models.ts';
export { type ExtractOptions, extractElsewhere } from '../jobs/extract.ts';
export { type Farm, type FarmParts, openFarm } from '../jobs/farm.ts';
export { type LocalWorkersOptions, localWorkers } from '../jobs/local-workers.ts';
export type { ObjectStore } from '../jobs/object-store.ts';
export {
  type LocalFarmOptions,
  localFarm,
  type OpenedFarm,
  type QueueFarmOptions,
  queueFarm,
} from '../jobs/open-farm.ts';
export type { ShardOptions, Traffic } from '../jobs/shards.ts';
export type { WorkersElsewhereOptions } from '../jobs/workers.ts';
export { type CheckpointName, type OpenRunStore, type RunStore, readRun } from '../runs/index.ts';
export { type GreedySoup, greedySoup, type SoupIngredient } from '../study/soup.ts';
export type { AverageOptions, AverageProgress, MeasuredWeights } from '../study/weights-bench.ts';
export { type Interpolation, type WiseFt, type WiseFtOptions, wiseFt } from '../study/wise-ft.ts';
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
  type StepPlacements,
  type TrainFolderOptions,
  trainFolder,
  writeRateChart,
} from '../transfer/index.ts';
