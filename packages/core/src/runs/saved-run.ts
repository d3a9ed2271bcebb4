import { sha256OfText } from '../base/sha256.ts';
import type { Tensors } from '../base/tensor.ts';
import { version } from '../base/version.ts';
import type { ImageModel } from '../fit/model.ts';
import type { ImageRecord } from '../image/dataset.ts';
import { encodeSeen, type Seen } from '../image/seen.ts';
import { resolveConfig, trainConfigSchema } from '../recipe/config/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import { describeDataset } from './describe-run.ts';
import type { RunHost } from './host.ts';
import type { NotedDataset } from './noted-images.ts';
import { newRecord, type Run, type RunCalibration, trainedByProgram } from './run-file.ts';
import { assertNewRun, RunFolder } from './run-folder.ts';

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
  readonly origin: NotedDataset | null;
  readonly train: readonly ImageRecord[];
  readonly validation: readonly ImageRecord[];
  readonly overwrite: boolean;
  readonly threads: number;
  readonly host: RunHost;
}

/**
 * Writes a model as a run that is done: it is opened, evaluated and exported like one that `trainFolder` made, but says
 * that a program trained it, so that its configuration does not repeat it.
 *
 * @throws UserError where the folder cannot be written or holds a run
 */
export async function saveRun(folder: string, model: SavedModel): Promise<Run> {
  const { host } = model;
  await assertNewRun(host.openStore(folder), model);
  const { architecture, classes, preprocessing, seen, variables: initial, onnx } = model;
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
    ...origin?.options,
  });
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config: resolveConfig(config),
    weightsSha256: model.weightsSha256,
    folder: origin?.folder ?? '',
    classes: [...classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: 'running',
    dataset: origin
      ? describeDataset(origin.dataset, origin.fingerprint)
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
    before: origin?.seen ? encodeSeen(origin.seen) : null,
    versions: model.host.versions,
    device: runtime.device,
    threads: model.threads,
    choices: { ...runtime.choices },
    addedEpochs: 0,
    ...newRecord,
    calibration: model.calibration,
    changes: [{ epoch: 0, change: trainedByProgram }],
  };
}

/** A name for these images by their content alone: no folder has this as its own. */
function contentOf(images: readonly ImageRecord[]): string {
  const lines = images.map(({ sha256, label }) => `${sha256} ${label}`).sort();
  return sha256OfText(lines.join('\n'));
}
