import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { contentKey, encodeSeen, seenOf } from '@graft-ml/core/internal/image/seen';
import { resolveConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { newRecord, type Run } from '@graft-ml/core/internal/runs/run-file';
import type { NamedArchitecture } from '@graft-ml/core/models';
import type { Runtime } from '@graft-ml/core/runtime';
import { type Dataset, fingerprint, imagesOf } from '../data/dataset.ts';
import { nodeHost } from '../runs/host.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { OpenLearner } from './open-learner.ts';

/** `run.json` of an ordinary run, with what it was adapted from. */
export async function describeAdapted(
  start: RunStore,
  dataset: Dataset,
  { config, preprocessing, learner, network, seen }: OpenLearner,
  runtime: Runtime,
  {
    own,
    model,
    checkpoint,
  }: { readonly own: object; readonly model: NamedArchitecture; readonly checkpoint: CheckpointName },
): Promise<Run> {
  const { imageSize, mean, std, colourProfile, orientation, seed, device } = config;
  const parameters = [...variablesOf(imageNetwork(model, preprocessing, dataset.classes.length)).values()];
  const count = (kept: (name: string) => boolean) =>
    parameters.reduce(
      (sum, { name, kind, shape }) => sum + (kind === 'parameter' && kept(name) ? sizeOf(shape) : 0),
      0,
    );
  const isAdapted = (name: string) =>
    learner.kind === 'prototypes' ? !variablesOf(network).has(name) : (learner.rates.get(name) ?? 0) > 0;
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config: resolveConfig(
      trainConfigSchema.parse({
        ...{ model: config.model, strategy: 'scratch', imageSize, mean, std, colourProfile, orientation, seed, device },
        ...own,
      }),
    ),
    weightsSha256: createHash('sha256')
      .update(await start.read(checkpointFile(checkpoint)))
      .digest('hex'),
    folder: resolve(dataset.root),
    classes: [...dataset.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: learner.statistics === 'running' ? 'frozen' : 'running',
    dataset: {
      fingerprint: fingerprint(dataset),
      train: dataset.train.length,
      validation: dataset.validation.length,
      test: dataset.test.length,
      leftOut: dataset.problems.map(({ path: at, kind }) => ({ path: at, kind })),
    },
    parameters: { total: count(() => true), trained: count(isAdapted) },
    warnings: [],
    decision: null,
    adaptedFrom: resolve(start.path),
    before: seen && encodeSeen(seenOf(seen, imagesOf(dataset).map(contentKey))),
    versions: nodeHost().versions,
    device: runtime.device,
    threads: 1,
    choices: { ...runtime.choices },
    addedEpochs: 0,
    ...newRecord,
  };
}
