import { UserError } from '../base/errors.ts';
import { sizeOf } from '../base/tensor.ts';
import { version } from '../base/version.ts';
import type { ParameterTable } from '../fit/selection.ts';
import type { DatasetParts, ImageDataset } from '../image/dataset.ts';
import { contentKey, encodeSeen, type Seen, seenAfter, seenOf } from '../image/seen.ts';
import { isAboutData, type Warning, warnings } from '../recipe/guard-rails.ts';
import { type PlanConfig, type PlannedStage, planOf } from '../recipe/plan.ts';
import type { RunHost } from './host.ts';
import { contentsOf, type Prepared } from './prepared.ts';
import { newRecord, type Run } from './run-file.ts';

/** The images that the weights of this run have seen when it ends. */
export function seenByRun({ folder, seen }: Pick<Prepared, 'folder' | 'seen'>): Seen {
  const keys = (images: DatasetParts['train']) => images.map(contentKey);
  return seenAfter(seen, 'train', { fitted: keys(folder.train), chosen: keys(folder.validation) });
}

/** `run.json` of a run that begins. @throws UserError with `strict`, where a warning is about its images */
export function describeRun(path: string, prepared: Prepared, { versions }: Pick<RunHost, 'versions'>): Run {
  const { config, model, folder, fingerprint, preprocessing, threads, weightsSha256, before } = prepared;
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config,
    weightsSha256,
    folder: path,
    classes: [...folder.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    dataset: describeDataset(folder, fingerprint),
    ...describePlan(prepared, planOf(config, model.table)),
    warnings: warningsOf(prepared),
    decision: null,
    adaptedFrom: null,
    before: before && encodeSeen(seenOf(before, contentsOf(folder))),
    versions,
    device: model.runtime.device,
    threads,
    choices: {},
    addedEpochs: 0,
    ...newRecord,
  };
}

/** What `run.json` says of a dataset. */
export function describeDataset(
  { train, validation, test, problems }: ImageDataset,
  fingerprint: string,
): Run['dataset'] {
  return {
    fingerprint,
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
