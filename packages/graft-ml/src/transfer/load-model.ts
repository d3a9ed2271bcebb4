import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { imageModelParts } from '@graft-ml/core/internal/fit/model';
import { fittedTo, isOnnx } from '@graft-ml/core/internal/models/index';
import { entriesOf } from '@graft-ml/core/internal/weights/registry/lookup';
import { listArchitectures } from '@graft-ml/core/models';
import type { Runtime } from '@graft-ml/core/runtime';
import { openBackbone } from '../checkpoint/backbone.ts';
import { readCheckpoint } from '../checkpoint/read-checkpoint.ts';
import { type ModelOptions, readyModel } from '../checkpoint/ready-model.ts';
import { readWeightsFile } from '../checkpoint/weights-file.ts';
import { readRun } from '../runs/read-run.ts';
import { ownOnnx } from '../runs/run-store.ts';
import { createRuntime } from '../runtime/index.ts';
import { Model } from './model.ts';

export interface LoadModelOptions extends ModelOptions {
  /**
   * A file, a tag (`imagenet1k_v2`) or a name of published weights; null: random numbers. Default: those that the name
   * stands for, of an architecture the ones that are published for it.
   */
  readonly weights?: string | null;
  /** The runtime. It stays its owner's. Default: `createRuntime()`. */
  readonly runtime?: Runtime;
}

/**
 * A pretrained model, ready to be trained or used. With `classes` (or `numClasses`) other than its own it gets a new
 * head; with `numClasses: 0` it has none, and gives features.
 *
 * @param name an architecture (`resnet18`), published weights (`torchvision/resnet50.imagenet1k_v2`), a file of weights
 * that Graft wrote, an ONNX file, or the folder of a run
 * @throws UserError where the name is not known, or the weights cannot be had or belong to another model
 * @example
 * const model = await loadModel('resnet18', { classes: ['cat', 'dog'] });
 * const extractor = await loadModel('resnet18', { numClasses: 0 });
 * const trained = await loadModel('runs/x');
 */
export async function loadModel(name: string, options: LoadModelOptions = {}): Promise<Model> {
  const { weights, runtime = createRuntime(), ...others } = options;
  const facts = isKnown(name) ? undefined : await stat(name).catch(() => undefined);
  const isRun = facts?.isDirectory() === true;
  if (isRun && isAsItIs(options)) return loadRun(name, runtime);
  const { architecture, pretrained } = isRun
    ? await startOfRun(name)
    : facts && !isOnnx(name)
      ? await startOfFile(name)
      : { architecture: name, pretrained: isOnnx(name) ? undefined : usual(name) };
  if (isRun && isOnnx(architecture)) {
    throw new UserError(
      `loadModel: ${name} is a run of an ONNX file, which is loaded as it is: leave out the options.`,
    );
  }
  if (facts && weights !== undefined) {
    throw new OptionError({
      option: 'weights',
      expected: `none: ${name} has its own`,
      received: weights,
    });
  }
  const chosen = weights === undefined ? pretrained : (weights ?? false);
  const ready = await readyModel(architecture, { ...others, ...(chosen !== undefined && { pretrained: chosen }) });
  const { model, preprocessing, classes, weights: tensors, ...origin } = ready;
  return new Model(imageModelParts({ architecture: model, preprocessing, classes, weights: tensors, runtime }), origin);
}

/** Whether a name is of the zoo or the registry, whatever files there are. */
const isKnown = (name: string) => listArchitectures().includes(name);

/** True where an architecture has published weights. Of a name that is not one, what it stands for decides. */
function usual(name: string): boolean | undefined {
  if (!isKnown(name)) return undefined;
  if (entriesOf(name).length > 0) return true;
  return false;
}

const isAsItIs = ({ weights, classes, numClasses, head, dropout, imageSize }: LoadModelOptions) =>
  [weights, classes, numClasses, head, dropout, imageSize].every((option) => option === undefined);

/** A run as it is: with its head, its classes and its preprocessing. */
async function loadRun(path: string, runtime: Runtime): Promise<Model> {
  const run = await readRun(path);
  const { model: named, onnx } = await openBackbone({ ...run.config, weights: null }, { onnxFile: ownOnnx(path, run) });
  const { tensors, seen, sha256, notes } = await readCheckpoint(join(path, 'best.safetensors'), named, {
    links: 'refuse',
  });
  const architecture = fittedTo(named, tensors);
  const { classes, preprocessing } = run;
  const calibration = run.calibration?.weightsSha256 === sha256 ? run.calibration : undefined;
  const { temperature } = calibration ?? {};
  const parts = imageModelParts({ architecture, preprocessing, classes, temperature, weights: tensors, runtime });
  return new Model(parts, { entry: null, sha256, seen, onnx, calibration, notes });
}

async function startOfRun(path: string) {
  const { config } = await readRun(path);
  return { architecture: config.model, pretrained: path };
}

/** A file that says of which architecture it is: Graft's do. */
async function startOfFile(path: string) {
  const { metadata } = await readWeightsFile(path);
  if (metadata.format === 'graft' && metadata.model !== undefined && isKnown(metadata.model)) {
    return { architecture: metadata.model, pretrained: path };
  }
  throw new UserError(
    `loadModel: ${path} does not say of which architecture its weights are. Name it: loadModel('resnet18', { ` +
      `weights: '${path}' }).`,
  );
}
