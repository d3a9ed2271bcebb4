import { dirname } from 'node:path';
import { type CreateModelOptions as CoreOptions, modelParts } from '@graft-ml/core/internal/fit/model';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { RunModel } from '@graft-ml/core/internal/runs/run-model';
import type { Forward } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import { availableCores } from '../files/own-process.ts';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import { nodeHost } from '../runs/host.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import { createRuntime } from '../runtime/index.ts';

/** Options for saving a model. */
export interface SaveOptions {
  /** Takes the place of a run that stands there. Default false. */
  readonly overwrite?: boolean;
  /** Opens the store of a run. Default: in a folder. */
  readonly openStore?: OpenRunStore;
}

/**
 * A network with its numbers, on this machine: what `fit` trains, and what predicts, evaluates, is saved as a run and
 * exported. `loadModel` makes one of the zoo, of a file or a run; `createModel` one of a network of one's own.
 */
export class Model extends RunModel {
  /**
   * Writes the model as a run, which `graft predict`, `graft evaluate` and `openRun` take like one that `trainFolder`
   * made.
   *
   * @throws UserError for a network of one's own, which no command knows, or where the folder cannot be written or
   * holds a run
   */
  save(folder: string, { overwrite = false, openStore }: SaveOptions = {}): Promise<Run> {
    return this.saveIn(folder, { overwrite, threads: availableCores(), host: nodeHost(openStore) });
  }

  /**
   * Writes the network as one ONNX file, with its numbers as they are now: `toOnnx` says what goes in and out. Of
   * images, classes and preprocessing are in its metadata.
   *
   * @returns its size in bytes
   * @throws UserError where it cannot be written
   */
  async export(path: string, { batchSize = 1 }: { readonly batchSize?: number } = {}): Promise<number> {
    const bytes = this.toOnnx({ batchSize, metadata: this.exportedMetadata });
    await wrapWriteErrors(path, async () => {
      await makeFolders(dirname(path));
      await replaceFile(path, bytes);
    });
    return bytes.length;
  }
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
 * @example
 * const mlp = (s: Scope, x: Value) => linear(s.at('out'), relu(linear(s.at('hidden'), x, { features: 16 })), { features: 1 });
 * const model = createModel(mlp, { input: { dtype: 'f32', shape: [8] } });
 */
export function createModel(network: Forward, options: CreateModelOptions): Model {
  return new Model(modelParts(network, { ...options, runtime: options?.runtime ?? createRuntime() }));
}
