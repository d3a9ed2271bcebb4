import { UserError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { FitData } from '../fit/examples.ts';
import { type ImageModel, Model, type ModelParts } from '../fit/model.ts';
import type { ImageRecord } from '../image/dataset.ts';
import { contentKey, type Seen, seenAfter } from '../image/seen.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import type { WeightsEntry } from '../weights/registry/entry.ts';
import type { RunHost } from './host.ts';
import { isNoted, type NotedDataset } from './noted-images.ts';
import type { Run, RunCalibration } from './run-file.ts';
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

/** A model with nothing behind it. */
const fresh: ModelOrigin = { entry: null, sha256: null, seen: null, onnx: null, notes: [] };

/** The parts of a model as it is now, for a classifier. */
export interface ModelAsClassifier {
  readonly model: ImageModel['architecture'];
  readonly weights: Model['variables'];
  readonly classes: readonly string[];
  readonly preprocessing: ImageModel['preprocessing'];
  readonly notes: readonly string[];
  readonly seen: Seen | null;
  readonly temperature: number;
}

/** A model that knows what it was made of, and can be kept as a run. */
export class RunModel extends Model {
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

  /** The images that it was made of, as far as that is known: by its weights, and by `fit` on images of a dataset. */
  get seen(): Seen | null {
    if (this.#data.size === 0) return this.#origin.seen;
    const [fitted, chosen] = [this.#images('train').map(contentKey), this.#images('validation').map(contentKey)];
    const seen = seenAfter(this.#origin.seen, 'fit', { fitted, chosen });
    // Of examples that are not images of a dataset nothing is known.
    const isTold = [...this.#data].every(({ train }) => isNoted(train));
    return isTold ? seen : { ...seen, isComplete: false };
  }

  override trainedOn(data: FitData): void {
    this.#data.add(data);
  }

  /**
   * The model as it is now, for `new Classifier(…)`, which takes files, Blobs and pixels. @throws UserError for a
   * network of one's own
   */
  get classifierParts(): ModelAsClassifier {
    const { architecture: model, classes, preprocessing } = this.#asImageModel('classifierParts');
    const { notes, seen, variables: weights, temperature } = this;
    return { model, weights, classes, preprocessing, notes, seen, temperature };
  }

  /** Writes the model as a run of this host. @throws UserError as `save` does */
  protected async saveIn(
    path: string,
    { overwrite, threads, host }: { readonly overwrite: boolean; readonly threads: number; readonly host: RunHost },
  ): Promise<Run> {
    const image = this.#asImageModel('save');
    if (image.classes.length === 0)
      throw new UserError('save: the model has no classes. Save its numbers: toSafetensors().');
    const parameters = this.parameters();
    const sum = (sizes: readonly { readonly size: number }[]) => sizes.reduce((total, { size }) => total + size, 0);
    return saveRun(path, {
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
      threads,
      host,
    });
  }

  /** What an exported file says of the model. The images that it was made of are not in it: files are passed on. */
  protected get exportedMetadata(): Readonly<Record<string, string>> {
    const { image } = this;
    const description = image
      ? describeCheckpoint(image.architecture, image.classes, image.preprocessing, null)
      : { format: 'graft' };
    return { version, ...description, ...(this.temperature !== 1 && { temperature: `${this.temperature}` }) };
  }

  /** The one dataset that all of `fit`'s examples are parts of; null where there are others. */
  #dataset(): NotedDataset | null {
    const examples = [...this.#data].flatMap(({ train, validation = train }) => [train, validation]);
    const [first] = examples;
    if (first === undefined || !isNoted(first)) return null;
    return examples.every((each) => isNoted(each) && each.origin === first.origin) ? first.noted() : null;
  }

  /** The images of datasets that `fit` was given. */
  #images(part: 'train' | 'validation'): ImageRecord[] {
    const parts = [...this.#data].map((data) => data[part]);
    return [...new Set(parts.flatMap((examples) => (examples && isNoted(examples) ? examples.images : [])))];
  }

  #asImageModel(what: string): ImageModel {
    if (this.image) return this.image;
    throw new UserError(
      `${what}: a run is of a network of the zoo, so that others can open it. Of one of your own keep ` +
        'toSafetensors() or export(path).',
    );
  }
}
