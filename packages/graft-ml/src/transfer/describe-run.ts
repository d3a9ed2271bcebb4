import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { contentKey, encodeSeen, type Seen, seenAfter, seenOf } from '@graft-ml/core/internal/image/seen';
import type { Warning } from '@graft-ml/core/internal/recipe/guard-rails';
import type { PlannedStage } from '@graft-ml/core/internal/recipe/plan';
import { type Dataset, fingerprint, imagesOf } from '../data/dataset.ts';
import { newRecord, type Run } from '../runs/run-file.ts';
import { ortVersion } from '../runtime/index.ts';
import type { Prepared } from './prepare.ts';

/** The images that the weights of this run have seen when it ends. */
export function seenByRun({ folder, seen }: Pick<Prepared, 'folder' | 'seen'>): Seen {
  const keys = (images: Dataset['train']) => images.map(contentKey);
  return seenAfter(seen, 'train', { fitted: keys(folder.train), chosen: keys(folder.validation) });
}

/** `run.json` of a run that begins. */
export function describeRun(
  path: string,
  prepared: Prepared,
  plan: readonly PlannedStage[],
  warnings: readonly Warning[],
): Run {
  const { config, folder, preprocessing, runtime, threads, weightsSha256, before } = prepared;
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config,
    weightsSha256,
    folder: path,
    classes: [...folder.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    dataset: {
      fingerprint: fingerprint(folder),
      train: folder.train.length,
      validation: folder.validation.length,
      test: folder.test.length,
      leftOut: folder.problems.map(({ path: at, kind }) => ({ path: at, kind })),
    },
    ...describePlan(prepared, plan),
    warnings: [...warnings],
    decision: null,
    adaptedFrom: null,
    before: before && encodeSeen(seenOf(before, imagesOf(folder).map(contentKey))),
    versions: { node: process.versions.node, onnxruntime: ortVersion() },
    device: runtime.device,
    threads,
    choices: {},
    addedEpochs: 0,
    ...newRecord,
  };
}

/** A summary of a plan: parameters in all and trained by any stage, and the statistics of batch norm in training. */
export function describePlan({ config, table: { parameters, head } }: Prepared, plan: readonly PlannedStage[]) {
  const trained = [...parameters.keys()].filter((name) => plan.some(({ settings }) => settings.get(name)));
  const count = (names: Iterable<string>) => [...names].reduce((sum, name) => sum + sizeOf(parameters.get(name)!), 0);
  return {
    parameters: { total: count(parameters.keys()), trained: count(trained) },
    batchNorm: trained.every((name) => head.has(name)) ? 'frozen' : config.batchNorm,
  };
}
