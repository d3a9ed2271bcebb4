import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import type { ImageModel } from '@graft-ml/core/internal/fit/model';
import { encodeSeen, type Seen } from '@graft-ml/core/internal/image/seen';
import { resolveConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { describeDataset } from '@graft-ml/core/internal/runs/describe-run';
import { newRecord, type Run, type RunCalibration, trainedByProgram } from '@graft-ml/core/internal/runs/run-file';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Runtime } from '@graft-ml/core/runtime';
import { optionsInConfig } from '../data/configured.ts';
import type { DatasetImage } from '../data/dataset.ts';
import { fingerprint } from '../data/dataset.ts';
import { nodeHost } from '../runs/host.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import type { OpenedDataset } from './folder-images.ts';

export interface SavedModel extends ImageModel {
  readonly variables: Tensors;
  readonly seen: Seen | null;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** How its probabilities were calibrated, at these numbers. */
  readonly calibration?: RunCalibration | undefined;
  readonly weightsSha256: string | null;
  /** The number of parameters, in all and as `fit` trains them. */
  readonly parameters: { readonly total: number; readonly trained: number };
  readonly runtime: Runtime;
  /** The dataset that it was trained on and judged by; null where those images are not parts of one. */
  readonly origin: OpenedDataset | null;
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly overwrite: boolean;
  /** Opens the store of a run. Default: in a folder. */
  readonly openStore?: OpenRunStore | undefined;
}

/**
 * Writes a model as a run that is done: it is opened, evaluated and exported like one that `trainFolder` made, but says
 * that a program trained it, so that its configuration does not repeat it.
 *
 * @throws UserError where the folder cannot be written or holds a run
 */
export async function saveRun(folder: string, model: SavedModel): Promise<Run> {
  const { openStore = openRunStore } = model;
  await assertNewRun(openStore(folder), model);
  const { architecture, classes, preprocessing, seen, variables: initial, onnx } = model;
  const host = nodeHost(openStore);
  const description = describeCheckpoint(architecture, classes, preprocessing, seen);
  const store = new RunFolder(folder, describeSaved(model), { description, initial, onnx, host });
  try {
    await store.createWhole(model);
  } finally {
    await store.release();
  }
  return store.run;
}

function describeSaved(model: SavedModel): Run {
  const { architecture, classes, preprocessing, onnx, origin, train, validation, runtime } = model;
  const { name, headLayers = null } = architecture;
  const config = trainConfigSchema.parse({
    model: onnx ? 'architecture.onnx' : name,
    strategy: 'scratch',
    head: headLayers,
    ...(origin && optionsInConfig(origin.options)),
  });
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config: resolveConfig(config),
    weightsSha256: model.weightsSha256,
    folder: origin ? resolve(origin.dataset.root) : '',
    classes: [...classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: 'running',
    dataset: origin
      ? describeDataset(origin.dataset, fingerprint(origin.dataset))
      : {
          fingerprint: contentOf([...train, ...validation]),
          train: train.length,
          validation: validation.length,
          test: 0,
          leftOut: [],
        },
    parameters: model.parameters,
    warnings: [],
    decision: null,
    adaptedFrom: null,
    before: origin?.options.seen ? encodeSeen(origin.options.seen) : null,
    versions: nodeHost().versions,
    device: runtime.device,
    threads: availableParallelism(),
    choices: { ...runtime.choices },
    addedEpochs: 0,
    ...newRecord,
    calibration: model.calibration,
    changes: [{ epoch: 0, change: trainedByProgram }],
  };
}

/** A name for these images by their content alone: no folder has this as its own. */
function contentOf(images: readonly DatasetImage[]): string {
  const lines = images.map(({ sha256, label }) => `${sha256} ${label}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
