import { type CreateModelOptions as CoreOptions, imageModelParts, modelParts } from '@graft-ml/core/internal/fit/model';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { fittedTo } from '@graft-ml/core/internal/models/index';
import type { HeadLayers } from '@graft-ml/core/internal/models/model';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import { changedPreprocessing } from '@graft-ml/core/internal/recipe/preprocessing';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { ownOnnx } from '@graft-ml/core/internal/runs/run-files';
import { RunModel } from '@graft-ml/core/internal/runs/run-model';
import { runWeights } from '@graft-ml/core/internal/runs/run-weights';
import { allVariables, outputsOf } from '@graft-ml/core/internal/weights/checkpoint';
import type { Forward } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import { pageHost } from '../runs/host.ts';
import { privateRuns } from '../runs/private-runs.ts';
import { createRuntime } from '../runtime/index.ts';
import { openBackbone } from './backbone.ts';
import { readRun } from './open-run.ts';
import type { WeightsOptions } from './weights.ts';

/** Options for saving a model. */
export interface SaveOptions {
  /** Takes the place of a run that stands there. Default false. */
  readonly overwrite?: boolean;
  /** Opens the store of a run. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore;
}

/** A network with its numbers, in a page: what `fit` trains, and what predicts, evaluates, is kept as a run and exported. */
export class Model extends RunModel {
  /**
   * Keeps the model as a run, which `openRun` takes like one that `trainImages` made.
   * @throws UserError for a network of one's own, or where the run cannot be written or there is one
   */
  async save(path: string, { overwrite = false, openStore }: SaveOptions = {}): Promise<Run> {
    return this.saveIn(path, { overwrite, threads: this.runtime.threads, host: await pageHost(openStore) });
  }

  /** The network as one ONNX file, with its numbers as they are now, and what is known of it in its metadata. */
  export({ batchSize = 1 }: { readonly batchSize?: number } = {}): Uint8Array {
    return this.toOnnx({ batchSize, metadata: this.exportedMetadata });
  }
}

export interface LoadModelOptions extends WeightsOptions {
  /**
   * Published weights, a file that is kept (`keepWeights`) or a run; null: random numbers. Default: null for an
   * architecture.
   */
  readonly weights?: string | null;
  /** Outputs; 0: features, and no head. Another number than the weights have makes a new head. */
  readonly numClasses?: number;
  /** Names of the outputs, instead of `numClasses`. */
  readonly classes?: readonly string[];
  /** A deeper head, `[512, 'relu', { dropout: 0.3 }]`; always a new one. */
  readonly head?: HeadLayers;
  /** The probability of dropout before the last layer. Default: the architecture's own. */
  readonly dropout?: number;
  /** The side of the square the model sees, in pixels. Default: that of its weights. */
  readonly imageSize?: number;
  /** The seed of random weights. Default 0. */
  readonly seed?: number;
  /** The runtime. It stays its owner's. Default: `createRuntime()`. */
  readonly runtime?: Runtime;
}

/**
 * A model, ready to be trained by `fit` or used: an architecture with weights, or a run as it is.
 *
 * @param name an architecture (`resnet18`), an ONNX file that is kept, or the path of a run
 * @throws UserError where there is no such model, or the weights cannot be had or belong to another
 * @example
 * const model = await loadModel('squeezenet1_1', { weights, classes: images.classes });
 * for await (const event of fit(model, images, { epochs: 5 })) …
 * await model.save('runs/mine');
 */
export async function loadModel(name: string, options: LoadModelOptions = {}): Promise<Model> {
  const { openStore = privateRuns(), runtime = createRuntime() } = options;
  if ((await isRun(name, openStore)) && options.weights === undefined) return loadRun(name, openStore, runtime);
  const { weights = null, numClasses, classes, head, dropout, imageSize, seed = 0 } = options;
  const backbone = await openBackbone({ model: name, weights, head: null }, { ...options, openStore });
  const { checkpoint, onnx } = backbone;
  const architecture = withLayers(backbone.model, head ?? checkpoint?.head, dropout);
  const outputs = checkpoint ? outputsOf(checkpoint, architecture) : undefined;
  const count = classes?.length ?? numClasses ?? (checkpoint ? (outputs ?? 0) : 1000);
  const trained = checkpoint?.preprocessing ?? backbone.model.preprocessing;
  const preprocessing = changedPreprocessing(trained, architecture, { imageSize: imageSize ?? null });
  const newHead = head !== undefined || count !== outputs;
  const variables = variablesOf(imageNetwork(architecture, preprocessing, count));
  const own = newHead ? undefined : checkpoint?.classes;
  const parts = imageModelParts({
    architecture: { ...architecture, preprocessing },
    preprocessing,
    classes: classes ?? own ?? Array.from({ length: count }, (_, i) => `class ${i}`),
    weights: allVariables(checkpoint, architecture, variables, { newHead, seed }),
    runtime,
  });
  const { sha256 = null, seen = null, notes = [] } = checkpoint ?? {};
  return new Model(parts, { entry: null, sha256, seen, onnx, notes });
}

async function isRun(path: string, openStore: OpenRunStore): Promise<boolean> {
  return path.includes('/') && (await openStore(path).names()).includes('run.json');
}

/** A run as it is: with its head, its classes and its preprocessing. */
async function loadRun(path: string, openStore: OpenRunStore, runtime: Runtime): Promise<Model> {
  const run = await readRun(path, openStore);
  const onnxFile = ownOnnx(path, run, openStore);
  const { model: named, onnx } = await openBackbone({ ...run.config, weights: null }, { onnxFile, openStore });
  const opened = await runWeights(path, run, named, { checkpoint: 'best', openStore, start: async () => ({}) });
  const { checkpoint, weights, temperature } = opened;
  const { classes, preprocessing } = run;
  const architecture = fittedTo(named, checkpoint.tensors);
  const parts = imageModelParts({ architecture, preprocessing, classes, temperature, weights, runtime });
  const calibration = temperature === undefined ? undefined : run.calibration;
  const { sha256, seen, notes } = checkpoint;
  return new Model(parts, { entry: null, sha256, seen, onnx, calibration, notes });
}

/** Options for making a model of one's own network. */
export interface CreateModelOptions extends Omit<CoreOptions, 'runtime'> {
  /** Default: `createRuntime()`. */
  readonly runtime?: Runtime;
}

/**
 * A model of a network of one's own, with first values for its variables.
 *
 * @throws OptionError where it is no network, or its input has no type; UserError where `weights` do not fit
 */
export function createModel(network: Forward, options: CreateModelOptions): Model {
  return new Model(modelParts(network, { ...options, runtime: options?.runtime ?? createRuntime() }));
}
