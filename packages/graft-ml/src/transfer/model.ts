import { dirname } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { version } from '@graft-ml/core/internal/base/version';
import type { FitData } from '@graft-ml/core/internal/fit/examples';
import {
  Model as CoreModel,
  type CreateModelOptions as CoreOptions,
  type ImageModel,
  type ModelParts,
  modelParts,
} from '@graft-ml/core/internal/fit/model';
import { contentKey, type Seen, seenAfter } from '@graft-ml/core/internal/image/seen';
import type { ClassifierParts } from '@graft-ml/core/internal/predict/classifier';
import type { Run, RunCalibration } from '@graft-ml/core/internal/runs/run-file';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import type { Forward } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import type { DatasetImage } from '../data/dataset.ts';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import { createRuntime } from '../runtime/index.ts';
import { FolderImages, type OpenedDataset } from './folder-images.ts';
import { saveRun } from './saved-run.ts';

/** The origin of a model. */
export interface ModelOrigin {
  /** The registry's entry for its weights; null where they are random or from a file of the user's own. */
  readonly entry: WeightsEntry | null;
  /** SHA-256 of the weights that were read; null where all are random. */
  readonly sha256: string | null;
  /** The images that they were made of; null where nobody says, as of random numbers. */
  readonly seen: Seen | null;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** How the run that it was loaded from was calibrated, at these very numbers. */
  readonly calibration?: RunCalibration | undefined;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
}

/** Options for saving a model. */
export interface SaveOptions {
  /** Takes the place of a run that stands there. Default false. */
  readonly overwrite?: boolean;
  /** Opens the store of a run. Default: in a folder. */
  readonly openStore?: OpenRunStore;
}

/** A model with nothing behind it. */
const fresh: ModelOrigin = { entry: null, sha256: null, seen: null, onnx: null, notes: [] };

/**
 * A network with its numbers, on this machine: what `fit` trains, and what predicts, evaluates, is saved as a run and
 * exported. `loadModel` makes one of the zoo, of a file or a run; `createModel` one of a network of one's own.
 */
export class Model extends CoreModel {
  readonly #origin: ModelOrigin;
  readonly #data = new Set<FitData>();

  constructor(parts: ModelParts, origin: ModelOrigin = fresh) {
    super(parts);
    this.#origin = origin;
  }

  /** Notes on reading its weights, a sentence each. */
  get notes(): readonly string[] {
    return this.#origin.notes;
  }

  /** The registry's entry for its weights; null where they are random or from a file of the user's own. */
  get entry(): WeightsEntry | null {
    return this.#origin.entry;
  }

  /** The images that it was made of, as far as that is known: by its weights, and by `fit` on images of a folder. */
  get seen(): Seen | null {
    if (this.#data.size === 0) return this.#origin.seen;
    const [fitted, chosen] = [this.#images('train').map(contentKey), this.#images('validation').map(contentKey)];
    const seen = seenAfter(this.#origin.seen, 'fit', { fitted, chosen });
    // Of examples that are not images of a folder nothing is known.
    const isTold = [...this.#data].every(({ train }) => train instanceof FolderImages);
    return isTold ? seen : { ...seen, isComplete: false };
  }

  override trainedOn(data: FitData): void {
    this.#data.add(data);
  }

  /**
   * The model as it is now, for `new Classifier(…)`, which takes files, Blobs and pixels. @throws UserError for a
   * network of one's own
   */
  get classifierParts(): ClassifierParts {
    const { architecture: model, classes, preprocessing } = this.#asImageModel('classifierParts');
    const { notes, seen, variables: weights, temperature } = this;
    return { model, weights, classes, preprocessing, notes, seen, temperature };
  }

  /**
   * Writes the model as a run, which `graft predict`, `graft evaluate` and `openRun` take like one that `trainFolder`
   * made.
   *
   * @throws UserError for a network of one's own, which no command knows, or where the folder cannot be written or
   * holds a run
   */
  async save(folder: string, { overwrite = false, openStore }: SaveOptions = {}): Promise<Run> {
    const image = this.#asImageModel('save');
    if (image.classes.length === 0)
      throw new UserError('save: the model has no classes. Save its numbers: toSafetensors().');
    const parameters = this.parameters();
    const sum = (sizes: readonly { readonly size: number }[]) => sizes.reduce((total, { size }) => total + size, 0);
    return saveRun(folder, {
      ...image,
      variables: this.variables,
      seen: this.seen,
      onnx: this.#origin.onnx,
      calibration: this.temperature === 1 ? undefined : this.#origin.calibration,
      weightsSha256: this.#origin.sha256,
      parameters: { total: sum(parameters), trained: sum(parameters.filter(({ isTrainable }) => isTrainable)) },
      runtime: this.runtime,
      train: this.#images('train'),
      validation: this.#images('validation'),
      origin: this.#dataset(),
      overwrite,
      openStore,
    });
  }

  /**
   * Writes the network as one ONNX file, with its numbers as they are now: `toOnnx` says what goes in and out. Of
   * images, classes and preprocessing are in its metadata.
   *
   * @returns its size in bytes
   * @throws UserError where it cannot be written
   */
  async export(path: string, { batchSize = 1 }: { readonly batchSize?: number } = {}): Promise<number> {
    const { image } = this;
    const description = image
      ? describeCheckpoint(image.architecture, image.classes, image.preprocessing, this.seen)
      : { format: 'graft' };
    const calibration: Record<string, string> = this.temperature === 1 ? {} : { temperature: `${this.temperature}` };
    const bytes = this.toOnnx({ batchSize, metadata: { version, ...description, ...calibration } });
    await wrapWriteErrors(path, async () => {
      await makeFolders(dirname(path));
      await replaceFile(path, bytes);
    });
    return bytes.length;
  }

  /** The one dataset that all of `fit`'s examples are parts of; null where there are others. */
  #dataset(): OpenedDataset | null {
    const examples = [...this.#data].flatMap(({ train, validation = train }) => [train, validation]);
    const origins = new Set(examples.map((each) => (each instanceof FolderImages ? each.origin : null)));
    const [origin = null] = origins;
    return origins.size === 1 ? origin : null;
  }

  /** The images of folders that `fit` was given. */
  #images(part: 'train' | 'validation'): DatasetImage[] {
    const parts = [...this.#data].map((data) => data[part]);
    return [...new Set(parts.flatMap((examples) => (examples instanceof FolderImages ? examples.images : [])))];
  }

  #asImageModel(what: string): ImageModel {
    if (this.image) return this.image;
    throw new UserError(
      `${what}: a run is of a network of the zoo, so that others can open it. Of one of your own keep ` +
        'toSafetensors() or export(path).',
    );
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
