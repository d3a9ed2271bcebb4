/*
 * The way from a folder to a classifier. Each layer has an entry of its own beside this one: `graft-ml/ops`,
 * `graft-ml/grad`, `graft-ml/nn`, `graft-ml/runtime/node`, and so on.
 */
export { ShapeError, UserError } from '@graft-ml/core/internal/base/errors';
export { version } from '@graft-ml/core/internal/base/version';
export type { TrainEvent } from '@graft-ml/core/internal/fit/events';
export { formatProblems } from '@graft-ml/core/internal/image/problem';
export { type TrainConfigInput, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
export type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
export { listModels } from '@graft-ml/core/internal/weights/registry/list';
export { pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
export { applyModel, getModel, type NamedArchitecture, type Preprocessing } from '@graft-ml/core/models';
export { type Metrics, measure, wilsonInterval } from '@graft-ml/core/predict';
export { createModel, type ReadyModel } from './checkpoint/create-model.ts';
export { fetchWeights } from './checkpoint/fetch-weights.ts';
export { resolveWeights } from './checkpoint/resolve.ts';
export { readSafetensorsFile, writeSafetensorsFile } from './checkpoint/safetensors-file.ts';
export { type Dataset, openDataset } from './data/dataset.ts';
export { findImages } from './data/find-images.ts';
export { findLabelledImages } from './data/labelled-images.ts';
export { compareLearners } from './experiment/compare.ts';
export { adaptMeta } from './meta/adapt-meta.ts';
export { readMetaRun } from './meta/meta-run.ts';
export { testMeta } from './meta/test-meta.ts';
export { resumeMeta, trainMeta } from './meta/train-meta.ts';
export { Classifier, type FeatureVector, openModel, type Prediction } from './predict/classifier.ts';
export { evaluateFolder } from './predict/evaluate-folder.ts';
export { exportClassifier } from './predict/export.ts';
export { writeFeatures } from './predict/feature-file.ts';
export { openRun } from './predict/open-run.ts';
export { describePrediction, writePredictions } from './predict/prediction-file.ts';
export { readRun } from './runs/run-file.ts';
export { createRuntime } from './runtime/index.ts';
export { type FolderEvent, resumeTraining, trainFolder } from './transfer/train-folder.ts';
