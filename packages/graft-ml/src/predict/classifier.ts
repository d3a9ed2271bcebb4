import { constant, input, type Value } from '@graft-ml/core/graph';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { type TestTimeAugmentation, testTimeViews } from '@graft-ml/core/internal/image/test-time';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { assertModelName } from '@graft-ml/core/internal/recipe/config/model';
import { changedPreprocessing, type PreprocessingChanges } from '@graft-ml/core/internal/recipe/preprocessing';
import { entriesOf, entryNamed } from '@graft-ml/core/internal/weights/registry/lookup';
import { type NamedArchitecture, type Preprocessing, penultimate } from '@graft-ml/core/models';
import { normalisePixels, Scope, type Variable } from '@graft-ml/core/nn';
import { softmax } from '@graft-ml/core/ops';
import type { Program, Runtime } from '@graft-ml/core/runtime';
import { type BackboneOptions, openBackbone, withLayers } from '../checkpoint/backbone.ts';
import { namesFor } from '../checkpoint/create-model.ts';
import { allVariables, type Checkpoint, describeCheckpoint, outputsOf } from '../checkpoint/pretrained.ts';
import type { ImageFile } from '../data/decode.ts';
import { createImagePool, type ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { createRuntime } from '../runtime/index.ts';

/** What a classifier says of one image: probabilities, or why it could not look at it. */
export type Prediction =
  | { readonly path: string; readonly probabilities: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly probabilities?: undefined; readonly problem: ImageProblem };

/** What the last layer of a network takes of one image, or why it could not be looked at. */
export type FeatureVector =
  | { readonly path: string; readonly features: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly features?: undefined; readonly problem: ImageProblem };

/** What is computed of images: the last layer's answer, or what it is given. */
type Output = 'probabilities' | 'features';

export interface ClassifierOptions {
  readonly device?: string;
  readonly threads?: number;
  /** Where downloads and what can be computed again are kept. Default: `defaultCache()`; null: nowhere. */
  readonly cache?: FolderCache | null | undefined;
  /** The views of each image whose probabilities are averaged. Default `none`: the centre alone. */
  readonly tta?: TestTimeAugmentation;
}

const batchSize = 16;

/** A trained network with everything it needs to look at images: preprocessing and class names. */
export class Classifier {
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** What reading the weights made necessary, a sentence each. */
  readonly notes: readonly string[];
  /** Which views of each image it looks at. */
  readonly tta: TestTimeAugmentation;
  /** The images that it was made of; null where nobody says. */
  readonly seen: Seen | null;
  readonly #model: NamedArchitecture;
  readonly #weights: Tensors;
  readonly #runtime: Runtime;
  readonly #pool: ImagePool;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(
    parts: {
      model: NamedArchitecture;
      weights: Tensors;
      classes: readonly string[];
      preprocessing: Preprocessing;
      notes?: readonly string[];
      seen?: Seen | null;
    },
    options: ClassifierOptions = {},
  ) {
    this.classes = parts.classes;
    this.preprocessing = parts.preprocessing;
    this.notes = parts.notes ?? [];
    this.seen = parts.seen ?? null;
    this.tta = options.tta ?? 'none';
    refuseSameCrops(this.tta, parts.preprocessing);
    this.#model = parts.model;
    this.#weights = parts.weights;
    this.#runtime = createRuntime(options);
    this.#pool = createImagePool();
  }

  /** The threads that decode, to share with whoever checks the same images. */
  get pool(): ImagePool {
    return this.#pool;
  }

  /**
   * Looks at images one batch after the other, decoding the next batch meanwhile.
   * @throws UserError where the network has no head: `features` is what it gives
   */
  async *predict(files: readonly (string | ImageFile)[]): AsyncGenerator<Prediction, void, undefined> {
    if (this.classes.length === 0)
      throw new UserError('This network has no head: it gives features, not classes: `classifier.features(images)`.');
    for await (const { path, values, problem } of this.#look('probabilities', files)) {
      yield values ? { path, probabilities: values } : { path, problem };
    }
  }

  /**
   * What the network's last layer takes of each image, (f): the backbone's features averaged over the image, through the
   * layers of a deeper head. The mean of the views that `tta` asks for.
   */
  async *features(files: readonly (string | ImageFile)[]): AsyncGenerator<FeatureVector, void, undefined> {
    for await (const { path, values, problem } of this.#look('features', files)) {
      yield values ? { path, features: values } : { path, problem };
    }
  }

  async *#look(output: Output, files: readonly (string | ImageFile)[]): AsyncGenerator<Looked, void, undefined> {
    const size = Math.min(batchSize, files.length);
    let ahead = this.#decode(files.slice(0, size));
    for (let start = 0; start < files.length; start += size) {
      const images = await ahead;
      ahead = this.#decode(files.slice(start + size, start + 2 * size));
      const values = await this.#run(output, images, size);
      const width = values.length / size;
      for (const [i, image] of images.entries()) {
        const file = files[start + i]!;
        const path = typeof file === 'string' ? file : file.path;
        if (image instanceof ImageError) yield { path, problem: image.problem };
        else yield { path, values: values.slice(i * width, (i + 1) * width) };
      }
    }
  }

  /** What it says of images that are resized and cropped: bytes (batchSize, 3, crop, crop) → (batchSize, classes). */
  probabilities(pixels: Uint8Array, batchSize: number): Promise<Float32Array> {
    return this.#compute('probabilities', pixels, batchSize);
  }

  /** From `pixels` u8 (batchSize, 3, crop, crop) to logits and probabilities, the weights as constants under their names. */
  graph(batchSize: number): { logits: Value; probabilities: Value } {
    const network = imageNetwork(this.#model, this.preprocessing, this.classes.length);
    const logits = network.forward(this.#scope(), this.#pixels(batchSize));
    return { logits, probabilities: softmax(logits) };
  }

  #featuresGraph(batchSize: number): Value {
    return penultimate(this.#model, this.#scope(), normalisePixels(this.#pixels(batchSize), this.preprocessing));
  }

  #pixels(batchSize: number): Value {
    const { crop } = this.preprocessing;
    return input('pixels', 'u8', [batchSize, 3, crop, crop]);
  }

  #scope(): Scope {
    const variable = ({ name }: Variable) => constant(this.#weights[name]!, name);
    return Scope.root({ training: false, variable }).scope;
  }

  /** Model, classes and preprocessing, as they stand in the header of a file. */
  get description(): Readonly<Record<string, string>> {
    return describeCheckpoint(this.#model, this.classes, this.preprocessing, this.seen);
  }

  async close(): Promise<void> {
    const programs = await Promise.all(this.#programs.values());
    await Promise.all([this.#pool.close(), ...programs.map((program) => program.release())]);
  }

  #decode(files: readonly (string | ImageFile)[]): Promise<(Uint8Array | ImageError)[]> {
    const { preprocessing, tta } = this;
    const request = { kind: 'evaluation', preprocessing, places: testTimeViews[tta] } as const;
    const views = files.map((file) =>
      this.#pool.view(file, request, this.preprocessing.crop).catch((error: unknown) => {
        if (error instanceof ImageError) return error;
        throw error;
      }),
    );
    return Promise.all(views);
  }

  /** The mean of what it gives for the views of each image: one row after the other. */
  async #run(output: Output, images: readonly (Uint8Array | ImageError)[], size: number): Promise<Float32Array> {
    const length = 3 * this.preprocessing.crop ** 2;
    const views = testTimeViews[this.tta].length;
    let mean = new Float32Array(0);
    for (let view = 0; view < views; view++) {
      const pixels = new Uint8Array(size * length);
      images.forEach((image, i) => {
        if (image instanceof ImageError) return;
        pixels.set(image.subarray(view * length, (view + 1) * length), i * length);
      });
      const values = await this.#compute(output, pixels, size);
      if (view === 0) mean = new Float32Array(values.length);
      for (const [i, value] of values.entries()) mean[i]! += value / views;
    }
    return mean;
  }

  async #compute(output: Output, pixels: Uint8Array, batchSize: number): Promise<Float32Array> {
    const { crop } = this.preprocessing;
    const program = await this.#program(output, batchSize);
    const results = await program.run({ pixels: tensor('u8', [batchSize, 3, crop, crop], pixels) });
    return results[output]!.data as Float32Array;
  }

  #program(output: Output, size: number): Promise<Program> {
    const key = `${output} ${size}`;
    let program = this.#programs.get(key);
    if (!program) {
      const result = output === 'features' ? this.#featuresGraph(size) : this.graph(size).probabilities;
      // Constants let ORT fold and lay out the weights once.
      program = this.#runtime.compile({ [output]: result });
      this.#programs.set(key, program);
    }
    return program;
  }
}

/** What a network gives for one image. */
type Looked =
  | { readonly path: string; readonly values: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly values?: undefined; readonly problem: ImageProblem };

/** @throws UserError where a model sees all of an image, and all crops would be the same */
function refuseSameCrops(tta: TestTimeAugmentation, { resize, crop, squash = false }: Preprocessing): void {
  if (resize > crop || !squash || tta === 'none' || tta === 'flip') return;
  throw new OptionError({
    option: 'tta',
    expected: 'none or flip',
    received: tta,
    problem:
      ` ${tta}: this model sees the whole image, squashed to ${crop} x ${crop} pixels, so all crops are the same. ` +
      `Use ${option('tta', 'flip')}.`,
  });
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

/** Opens published weights, a file of weights, or an ONNX file, to see what they say of images. Without a head it has no classes. */
export async function openModel(
  { name, weights, classes, ...changes }: PretrainedModel,
  { download, ...options }: ClassifierOptions & Pick<BackboneOptions, 'download'> = {},
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
