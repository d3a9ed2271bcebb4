import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { type ClassifierParts, type ImageAccess, ImageClassifier } from '@graft-ml/core/internal/evaluate/classifier';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { type ImageDecoder, rgbOf } from '@graft-ml/core/internal/image/decoder';
import { contentOf, type ImageInput, nameOfInput } from '@graft-ml/core/internal/image/image-input';
import type { TestTimeAugmentation } from '@graft-ml/core/internal/image/test-time';
import { rowsOf, viewOf } from '@graft-ml/core/internal/image/view';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import { assertModelName } from '@graft-ml/core/internal/recipe/config/model';
import { changedPreprocessing, type PreprocessingChanges } from '@graft-ml/core/internal/recipe/preprocessing';
import {
  allVariables,
  type Checkpoint,
  describeCheckpoint,
  outputsOf,
} from '@graft-ml/core/internal/weights/checkpoint';
import { entriesOf, entryNamed } from '@graft-ml/core/internal/weights/registry/lookup';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import type { Runtime } from '@graft-ml/core/runtime';
import { openBackbone } from '../checkpoint/backbone.ts';
import { namesFor } from '../checkpoint/class-names.ts';
import type { ImageFile } from '../data/decode.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { createRuntime, type DeviceName } from '../runtime/index.ts';

export type {
  Classification,
  ClassifierParts,
  ClassifyOptions,
  FeatureVector,
  LogitVector,
  Prediction,
  RankedClass,
} from '@graft-ml/core/internal/evaluate/classifier';
export type { ImageInput } from '@graft-ml/core/internal/image/image-input';

/** An image as a classifier takes it: a path, a part of an archive, or what programs have in memory. */
export type ClassifierInput = string | ImageFile | ImageInput;

export interface ClassifierOptions {
  /** The device that computes, as in `createRuntime`. */
  readonly device?: DeviceName | undefined;
  readonly threads?: number;
  /** The cache for downloads and results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /** The runtime that runs the network, in place of `device` and `threads`. It stays its owner's. */
  readonly runtime?: Runtime | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads, opened and closed with the
   * classifier.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The views of each image whose probabilities are averaged. Default `none`: the centre alone. */
  readonly tta?: TestTimeAugmentation;
}

/**
 * A trained network with everything it needs to look at images: preprocessing and class names. It has threads and
 * sessions until `close`.
 * @example
 * await using classifier = await openRun('runs/x');
 * const { classes: [best] } = await classifier.classify(await request.arrayBuffer());
 */
export class Classifier extends ImageClassifier<ClassifierInput> {
  readonly #pool: ImagePool;

  constructor(parts: ClassifierParts, options: ClassifierOptions = {}) {
    const notes = [...(parts.notes ?? [])];
    const onNote = (note: string) => notes.push(note);
    const { tta, runtime = createRuntime({ ...options, onNote }) } = options;
    const pool = openImagePool(options.decoder);
    try {
      super({ ...parts, notes }, poolAccess(pool), { runtime, tta });
    } catch (error) {
      void pool.close();
      throw error;
    }
    this.#pool = pool;
  }

  /** The pool that decodes its images, to share with a caller who checks the same ones. */
  get pool(): ImagePool {
    return this.#pool;
  }

  /** Model, classes, preprocessing and temperature, as they stand in the header of a file. */
  get description(): Readonly<Record<string, string>> {
    return {
      ...describeCheckpoint(this.model, this.classes, this.preprocessing, this.seen),
      ...(this.temperature !== 1 && { temperature: String(this.temperature) }),
    };
  }

  override async close(): Promise<void> {
    await Promise.all([this.#pool.close(), super.close()]);
  }
}

/** Files are read in the pool's threads; only decoded pixels are resized here. */
function poolAccess(pool: ImagePool): ImageAccess<ClassifierInput> {
  const isFile = (image: ClassifierInput): image is string | ImageFile => typeof image === 'string' || 'path' in image;
  return {
    nameOf: (image) => (typeof image === 'string' ? image : isFile(image) ? image.path : nameOfInput(image)),
    async view(image, request, name) {
      const { crop } = request.preprocessing;
      if (isFile(image)) return pool.view(image, request, crop);
      const content = await contentOf(image, name);
      if ('bytes' in content) return pool.view({ path: name, bytes: content.bytes }, request, crop);
      return viewOf(rowsOf(rgbOf(content)), request, crop);
    },
  };
}

/** A pretrained model with its own head. */
export interface PretrainedModel extends PreprocessingChanges {
  /** An architecture, published weights, or an ONNX file. */
  readonly name: string;
  /** A file, or published weights by name or tag. Default: those that `name` has. */
  readonly weights?: string | undefined;
  /** The names of the outputs. Default: what the file or its publisher says, and of 1000 outputs ImageNet's. */
  readonly classes?: readonly string[] | undefined;
}

/** Options for running a pretrained model and fetching its weights. */
export interface OpenModelOptions extends ClassifierOptions {
  readonly download?: FetchOptions | undefined;
}

/**
 * Opens published weights, a file of weights, or an ONNX file, to see what they say of images. Without a head it has no
 * classes.
 */
export async function openModel(
  { name, weights, classes, ...changes }: PretrainedModel,
  { download, ...options }: OpenModelOptions = {},
): Promise<Classifier> {
  const entry = isOnnx(name) ? undefined : entryNamed(name);
  const architecture = entry?.architecture ?? name;
  assertModelName(name);
  if (weights === undefined && !isOnnx(name) && entriesOf(architecture).length === 0) {
    throw new OptionError({
      option: 'weights',
      expected: 'a file, since none are published',
      received: weights,
      problem: `: none are published for ${name}, so that ${option('model')} needs a file of them here.`,
    });
  }
  const chosen = weights ?? entry?.name ?? (isOnnx(name) ? null : 'default');
  const backbone = await openBackbone(
    { model: architecture, weights: chosen, head: null, ...changes },
    { download: { cache: options.cache, ...download } },
  );
  const checkpoint = backbone.checkpoint!;
  const model = withLayers(backbone.model, checkpoint.head);
  const outputs = outputsOf(checkpoint, model);
  const names = outputs === undefined ? [] : (classes ?? checkpoint.classes ?? (await namesFor(outputs)));
  if (outputs !== undefined && names.length !== outputs) {
    throw new UserError(`${checkpoint.path} tells ${outputs} classes apart, but ${names.length} names were given.`);
  }
  const preprocessing = changedPreprocessing(checkpoint.preprocessing ?? model.preprocessing, model, changes);
  const variables = weightsOf(checkpoint, model, names.length, preprocessing);
  const { notes, seen } = checkpoint;
  return new Classifier({ model, weights: variables, classes: names, preprocessing, notes, seen }, options);
}

/** The checkpoint's tensors, and zeros for the batch counters that some files lack. */
export function weightsOf(
  checkpoint: Checkpoint,
  model: NamedArchitecture,
  outputs: number,
  preprocessing: Preprocessing,
): Tensors {
  const variables = variablesOf(imageNetwork(model, preprocessing, outputs));
  return allVariables(checkpoint, model, variables, { newHead: false, seed: 0 });
}
