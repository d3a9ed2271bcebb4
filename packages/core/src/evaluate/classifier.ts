/// <reference lib="esnext.disposable" preserve="true" />
import { option } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { ranked } from '../base/largest.ts';
import { type Tensors, tensor } from '../base/tensor.ts';
import type { ImageModel } from '../fit/model.ts';
import { atTemperature, imageNetwork } from '../fit/network.ts';
import type { Network } from '../fit/step.ts';
import { constant, input, type Value } from '../graph/index.ts';
import { type ImageDecoder, rgbOf } from '../image/decoder.ts';
import { contentOf, type ImageInput, nameOfInput } from '../image/image-input.ts';
import { ImageError, type ImageProblem } from '../image/problem.ts';
import type { Seen } from '../image/seen.ts';
import { type TestTimeAugmentation, testTimeViews } from '../image/test-time.ts';
import { type EvaluationRequest, rowsOf, viewOf } from '../image/view.ts';
import { type NamedArchitecture, type Preprocessing, penultimate } from '../models/index.ts';
import { normalisePixels, Scope, type Variable } from '../nn/index.ts';
import { softmax } from '../ops/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';

/** A classifier's answer for one image: probabilities, or why the image cannot be used. */
export type Prediction =
  | { readonly path: string; readonly probabilities: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly probabilities?: undefined; readonly problem: ImageProblem };

/** A network's logits for one image, or why the image cannot be used. */
export type LogitVector =
  | { readonly path: string; readonly logits: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly logits?: undefined; readonly problem: ImageProblem };

/** The input of a network's last layer for one image, or why the image cannot be used. */
export type FeatureVector =
  | { readonly path: string; readonly features: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly features?: undefined; readonly problem: ImageProblem };

export interface RankedClass {
  readonly name: string;
  readonly probability: number;
}

/** A classifier's answer for an image that can be used. */
export interface Classification {
  /** The likeliest classes, the first first. */
  readonly classes: readonly RankedClass[];
  /** One for each class, in the order of the classifier's. */
  readonly probabilities: Float32Array;
}

/** A trained network with everything it needs to look at images. */
export interface ClassifierParts {
  readonly model: NamedArchitecture;
  readonly weights: Tensors;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Notes on reading the weights, a sentence each. */
  readonly notes?: readonly string[];
  /** The images that it was trained on; null where unknown. */
  readonly seen?: Seen | null;
  /** The temperature that its logits are divided by: `fitTemperature`. Default 1. */
  readonly temperature?: number;
}

/** A classifier's access to images of type I. */
export interface ImageAccess<I> {
  /** Its views, planar u8, one after the other. @throws ImageError (by rejection) where it cannot be used */
  view(image: I, request: EvaluationRequest, name: string): Promise<Uint8Array>;
  /** The image's name in results and messages, where it has one. */
  nameOf(image: I): string | undefined;
}

export interface ImageClassifierOptions {
  /** The runtime that runs the network. It stays its owner's. */
  readonly runtime: Runtime;
  /** The views of each image whose probabilities are averaged. Default `none`: the centre alone. */
  readonly tta?: TestTimeAugmentation | undefined;
}

/** Options of classifying images. */
export interface ClassifyOptions {
  /** Ends it between two batches, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Images that are decoded at once, while the network takes those before: by fewer, it would wait for them more often. */
const readAtOnce = 16;

/** A trained network with everything it needs to look at images: preprocessing and class names. */
export class ImageClassifier<I> {
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
  /** The views of each image that are averaged. */
  readonly tta: TestTimeAugmentation;
  /** The images that it was trained on; null where unknown. */
  readonly seen: Seen | null;
  /** The temperature that logits are divided by: 1 where it was not calibrated. */
  readonly temperature: number;
  readonly model: NamedArchitecture;
  readonly #weights: Tensors;
  readonly #runtime: Runtime;
  readonly #access: ImageAccess<I>;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(parts: ClassifierParts, access: ImageAccess<I>, { runtime, tta = 'none' }: ImageClassifierOptions) {
    this.classes = parts.classes;
    this.preprocessing = parts.preprocessing;
    this.notes = parts.notes ?? [];
    this.seen = parts.seen ?? null;
    this.temperature = temperatureIn(parts);
    this.model = parts.model;
    this.tta = tta;
    assertDistinctCrops(tta, parts.preprocessing);
    this.#weights = parts.weights;
    this.#runtime = runtime;
    this.#access = access;
  }

  /**
   * Looks at one image.
   * @param options `top` is the number of classes to name, default 5
   * @throws ImageError where it cannot be used; UserError where the network has no head
   * @example const { classes: [best] } = await classifier.classify(await file.arrayBuffer());
   */
  async classify(image: I, { top = 5, ...options }: ClassifyOptions & { top?: number } = {}): Promise<Classification> {
    for await (const { probabilities, problem } of this.predict([image], options)) {
      if (problem) throw new ImageError(problem);
      return { classes: this.top(probabilities, top), probabilities };
    }
    throw new Error('classify: no answer');
  }

  /** The likeliest classes of a prediction, the first first. */
  top(probabilities: ArrayLike<number>, count = 5): RankedClass[] {
    return ranked(probabilities, count).map((i) => ({ name: this.classes[i]!, probability: probabilities[i]! }));
  }

  /**
   * Looks at images one batch after the other, getting at the next batch meanwhile. What is wrong with one is said in
   * its place.
   * @throws UserError where the network has no head: `features` is what it gives
   */
  async *predict(images: readonly I[], options: ClassifyOptions = {}): AsyncGenerator<Prediction, void, undefined> {
    this.#assertHead();
    for await (const { path, values, problem } of this.#look('probabilities', images, options)) {
      yield values ? { path, probabilities: values } : { path, problem };
    }
  }

  /**
   * The logits of each image, (classes), divided by the temperature: their softmax are the probabilities. The mean of the
   * views that `tta` asks for.
   * @throws UserError where the network has no head
   */
  async *logits(images: readonly I[], options: ClassifyOptions = {}): AsyncGenerator<LogitVector, void, undefined> {
    this.#assertHead();
    for await (const { path, values, problem } of this.#look('logits', images, options)) {
      yield values ? { path, logits: values } : { path, problem };
    }
  }

  #assertHead(): void {
    if (this.classes.length > 0) return;
    throw new UserError('This network has no head: it gives features, not classes: `classifier.features(images)`.');
  }

  /**
   * The input of the network's last layer for each image, (f): the backbone's features averaged over the image, through
   * the layers of a deeper head. The mean of the views that `tta` asks for.
   */
  async *features(images: readonly I[], options: ClassifyOptions = {}): AsyncGenerator<FeatureVector, void, undefined> {
    for await (const { path, values, problem } of this.#look('features', images, options)) {
      yield values ? { path, features: values } : { path, problem };
    }
  }

  async *#look(
    output: Output,
    images: readonly I[],
    { signal, onProgress }: ClassifyOptions,
  ): AsyncGenerator<ImageOutput, void, undefined> {
    const size = this.#runtime.rowsAtOnce(images.length, (rows) => this.featuresGraph(rows));
    const read = size * Math.ceil(readAtOnce / size);
    let ahead = this.#views(images, 0, read);
    let views: Awaited<typeof ahead> = [];
    for (let start = 0; start < images.length; start += size) {
      signal?.throwIfAborted();
      if (start % read === 0) {
        views = await ahead;
        ahead = this.#views(images, start + read, read);
        ahead.catch(() => {}); // a failure is said when its turn comes, and by nobody after an early return
      }
      const own = views.slice(start % read, (start % read) + size);
      const values = await this.#run(output, own, size);
      const width = values.length / size;
      for (const [i, view] of own.entries()) {
        const path = this.#nameOf(images, start + i);
        if (view instanceof ImageError) yield { path, problem: view.problem };
        else yield { path, values: values.slice(i * width, (i + 1) * width) };
        onProgress?.(start + i + 1, images.length);
      }
    }
  }

  /**
   * The probabilities of images that are resized and cropped: bytes (batchSize, 3, crop, crop) → (batchSize, classes).
   */
  probabilities(pixels: Uint8Array, batchSize: number): Promise<Float32Array> {
    return this.#compute('probabilities', pixels, batchSize);
  }

  /**
   * Its network: from images u8 (n, 3, crop, crop), resized and cropped, to logits (n, classes), divided by the
   * temperature.
   */
  get network(): Network {
    const network = imageNetwork(this.model, this.preprocessing, this.classes.length);
    return { ...network, forward: (s, x) => atTemperature(network.forward(s, x), this.temperature) };
  }

  /** Every parameter and buffer of its network by name. */
  get variables(): Tensors {
    return this.#weights;
  }

  /** The runtime that runs its network. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Its architecture, preprocessing and class names. */
  get image(): ImageModel {
    return { architecture: this.model, preprocessing: this.preprocessing, classes: this.classes };
  }

  /** An image's name in results and messages, where it has one. */
  nameOf(image: I): string | undefined {
    return this.#access.nameOf(image);
  }

  /**
   * An image as the network sees it, without further views: planar u8 (3, crop, crop).
   * @param name the image's name in messages
   * @throws ImageError (by rejection) where it cannot be used
   */
  view(image: I, name = this.nameOf(image) ?? 'image'): Promise<Uint8Array> {
    return this.#access.view(image, { kind: 'evaluation', preprocessing: this.preprocessing }, name);
  }

  /**
   * The graph from `pixels` u8 (batchSize, 3, crop, crop) to logits, divided by the temperature, and their softmax; the
   * weights are constants under their names.
   */
  graph(batchSize: number): { logits: Value; probabilities: Value } {
    const logits = this.network.forward(this.#scope(), this.#pixels(batchSize));
    return { logits, probabilities: softmax(logits) };
  }

  /** The graph from `pixels` u8 (batchSize, 3, crop, crop) to what `features` gives of one view: (batchSize, f). */
  featuresGraph(batchSize: number): Value {
    return penultimate(this.model, this.#scope(), normalisePixels(this.#pixels(batchSize), this.preprocessing));
  }

  /** Frees the sessions. The runtime stays its owner's. Idempotent. */
  async close(): Promise<void> {
    const programs = await Promise.all(this.#programs.values());
    this.#programs.clear();
    await Promise.all(programs.map((program) => program.release()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pixels(batchSize: number): Value {
    const { crop } = this.preprocessing;
    return input('pixels', 'u8', [batchSize, 3, crop, crop]);
  }

  #scope(): Scope {
    const variable = ({ name }: Variable) => constant(this.#weights[name]!, name);
    return Scope.root({ training: false, variable }).scope;
  }

  #nameOf(images: readonly I[], index: number): string {
    return this.nameOf(images[index]!) ?? `image ${index + 1}`;
  }

  #views(images: readonly I[], start: number, count: number): Promise<(Uint8Array | ImageError)[]> {
    const { preprocessing, tta } = this;
    const request = { kind: 'evaluation', preprocessing, places: testTimeViews[tta] } as const;
    const views = images.slice(start, start + count).map((image, i) =>
      this.#access.view(image, request, this.#nameOf(images, start + i)).catch((error: unknown) => {
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
      const result = output === 'features' ? this.featuresGraph(size) : this.graph(size)[output];
      // Constants let ORT fold and lay out the weights once.
      program = this.#runtime.compile({ [output]: result });
      this.#programs.set(key, program);
    }
    return program;
  }
}

/** The output for an image: the last layer's probabilities or logits, or its input. */
type Output = 'probabilities' | 'logits' | 'features';

/** @throws OptionError where a temperature is none */
function temperatureIn({ temperature = 1 }: ClassifierParts): number {
  if (Number.isFinite(temperature) && temperature > 0) return temperature;
  throw new OptionError({ option: 'temperature', expected: 'a number above 0', received: temperature });
}

/** The network's output for one image. */
type ImageOutput =
  | { readonly path: string; readonly values: Float32Array; readonly problem?: undefined }
  | { readonly path: string; readonly values?: undefined; readonly problem: ImageProblem };

/** Gets at images in memory, which `decoder` decodes where they are not. */
export function imageAccess(decoder: ImageDecoder): ImageAccess<ImageInput> {
  return {
    nameOf: nameOfInput,
    async view(image, request, name) {
      const content = await contentOf(image, name);
      const pixels = 'bytes' in content ? await decoder.decode(content, request.preprocessing) : rgbOf(content);
      return viewOf(rowsOf(pixels), request, request.preprocessing.crop);
    },
  };
}

/** @throws UserError where a model sees all of an image, and all crops would be the same */
function assertDistinctCrops(tta: TestTimeAugmentation, { resize, crop, squash = false }: Preprocessing): void {
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
