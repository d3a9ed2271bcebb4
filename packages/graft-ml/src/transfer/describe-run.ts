import { UserError } from '@graft-ml/core/internal/base/errors';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import type { ParameterTable } from '@graft-ml/core/internal/fit/selection';
import { contentKey, encodeSeen, type Seen, seenAfter, seenOf } from '@graft-ml/core/internal/image/seen';
import { isAboutData, type Warning, warnings } from '@graft-ml/core/internal/recipe/guard-rails';
import { type PlanConfig, type PlannedStage, planOf } from '@graft-ml/core/internal/recipe/plan';
import { type Dataset, fingerprint, imagesOf } from '../data/dataset.ts';
import { newRecord, type Run } from '../runs/run-file.ts';
import { ortVersion } from '../runtime/index.ts';
import type { Prepared } from './prepare.ts';

/** The images that the weights of this run have seen when it ends. */
export function seenByRun({ folder, seen }: Pick<Prepared, 'folder' | 'seen'>): Seen {
  const keys = (images: Dataset['train']) => images.map(contentKey);
  return seenAfter(seen, 'train', { fitted: keys(folder.train), chosen: keys(folder.validation) });
}

/** `run.json` of a run that begins. @throws UserError with `strict`, where a warning is about its images */
export function describeRun(path: string, prepared: Prepared): Run {
  const { config, model, folder, preprocessing, threads, weightsSha256, before } = prepared;
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config,
    weightsSha256,
    folder: path,
    classes: [...folder.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    dataset: describeDataset(folder),
    ...describePlan(prepared, planOf(config, model.table)),
    warnings: warningsOf(prepared),
    decision: null,
    adaptedFrom: null,
    before: before && encodeSeen(seenOf(before, imagesOf(folder).map(contentKey))),
    versions: { node: process.versions.node, onnxruntime: ortVersion() },
    device: model.runtime.device,
    threads,
    choices: {},
    addedEpochs: 0,
    ...newRecord,
  };
}

/** What `run.json` says of a dataset. */
export function describeDataset(dataset: Dataset): Run['dataset'] {
  const { train, validation, test, problems } = dataset;
  return {
    fingerprint: fingerprint(dataset),
    train: train.length,
    validation: validation.length,
    test: test.length,
    leftOut: problems.map(({ path, kind }) => ({ path, kind })),
  };
}

/** A summary of a plan: parameters in all and trained by any stage, and the statistics of batch norm in training. */
export function describePlan({ config, model }: Prepared, plan: readonly PlannedStage[]) {
  const { parameters, head } = model.table;
  const trained = [...parameters.keys()].filter((name) => plan.some(({ settings }) => settings.get(name)));
  const count = (names: Iterable<string>) => [...names].reduce((sum, name) => sum + sizeOf(parameters.get(name)!), 0);
  return {
    parameters: { total: count(parameters.keys()), trained: count(trained) },
    batchNorm: trained.every((name) => head.has(name)) ? 'frozen' : config.batchNorm,
  };
}

/** The warnings about a prepared run. @throws UserError with `strict`, where one is about its images */
function warningsOf({ config, folder, model, preprocessing, pretraining }: Prepared): Warning[] {
  const { root, classes, train, validation } = folder;
  const backboneRate = highestBackboneRate(config, model.table);
  const found = warnings({
    folder: root,
    classes,
    train,
    validation,
    config,
    backboneRate,
    preprocessing,
    pretraining,
  });
  const errors = found.filter(isAboutData);
  if (config.strict && errors.length > 0) {
    throw new UserError(`\`strict\`: ${errors.map(({ message }) => message).join('\n')}`);
  }
  return found;
}

/** The highest rate of the backbone in any stage; for `auto`, in the most that it may choose. */
function highestBackboneRate(config: PlanConfig, table: ParameterTable): number {
  const plan = planOf(config, table, { strategy: 'full', freezeTo: null });
  const rates = plan.flatMap(({ settings }) =>
    [...settings].map(([name, setting]) => (table.head.has(name) ? 0 : (setting?.rate ?? 0))),
  );
  return config.learningRate * rates.reduce((highest, rate) => Math.max(highest, rate), 0);
}
