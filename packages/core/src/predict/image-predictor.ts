/// <reference lib="esnext.disposable" preserve="true" />
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { UserError } from '../base/errors.ts';
import { ranked } from '../base/largest.ts';
import type { ExportedModel, ModelInput } from './exported-model.ts';

export interface PredictedClass {
  readonly name: string;
  readonly probability: number;
}

/** The parts of a session of ONNX Runtime that a predictor uses. */
export interface PredictorSession extends Pick<InferenceSession, 'inputMetadata' | 'outputMetadata' | 'release'> {
  /** The outputs of those names. */
  run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<Readonly<Record<string, Tensor>>>;
}

/** An exported model that is open, and access to images of type I. */
export interface PredictorParts<I> {
  readonly model: ExportedModel;
  /** Its session, of any build of ONNX Runtime. It becomes the predictor's. */
  readonly session: PredictorSession;
  /** The tensors of that build. */
  readonly Tensor: TensorConstructor;
  /** Decodes an image. @throws ImageError (by rejection) where it cannot be used */
  readonly input: (image: I) => Promise<ModelInput>;
  /** How many images are in memory at once; further ones wait. Default 1. */
  readonly atOnce?: number;
}

/** A model that looks at images. It has a session until `close`. */
export class ImagePredictor<I> implements AsyncDisposable {
  readonly classes: readonly string[];
  readonly #parts: PredictorParts<I>;
  /** The last call of each place that an image can have in memory. */
  readonly #places: Promise<unknown>[] = [];
  #calls = 0;
  #closed: Promise<void> | undefined;

  /** @throws UserError where the network is not what its description says, or takes several images at once */
  constructor(parts: PredictorParts<I>) {
    if (!isAsDescribed(parts)) {
      void parts.session.release();
      throw new UserError(`The file has no network from ${parts.model.input} of one image to its classes.`);
    }
    this.classes = parts.model.classes;
    this.#parts = parts;
  }

  /**
   * The likeliest classes of an image, the first first. Calls may be made at once; they wait for each other as far as
   * memory asks for it.
   * @param top how many. Default: all
   * @throws ImageError (by rejection) where the image cannot be used
   */
  async predict(image: I, top = this.classes.length): Promise<PredictedClass[]> {
    const probabilities = await this.probabilities(image);
    return ranked(probabilities, top).map((i) => ({ name: this.classes[i]!, probability: probabilities[i]! }));
  }

  /**
   * The probability of each class, in the order of `classes`.
   * @throws ImageError (by rejection) where the image cannot be used
   */
  async probabilities(image: I): Promise<Float32Array> {
    if (this.#closed) throw new Error('The predictor is closed.');
    const place = this.#calls++ % (this.#parts.atOnce ?? 1);
    const looked = Promise.resolve(this.#places[place]).then(() => this.#look(image));
    this.#places[place] = looked.catch(() => {});
    return looked;
  }

  async #look(image: I): Promise<Float32Array> {
    const { model, session, Tensor, input } = this.#parts;
    const { data, shape } = await input(image);
    const { probabilities } = await session.run({ [model.input]: new Tensor('uint8', data, shape) }, ['probabilities']);
    return probabilities!.data as Float32Array; // isAsDescribed has looked
  }

  /** Frees the session when the calls so far are done. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#places).then(() => this.#parts.session.release());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isAsDescribed<I>({ model, session }: PredictorParts<I>): boolean {
  const [input] = session.inputMetadata;
  const output = session.outputMetadata.find(({ name }) => name === 'probabilities');
  return (
    input?.name === model.input &&
    input.isTensor &&
    !(Number(input.shape[0]) > 1) &&
    output?.isTensor === true &&
    output.type === 'float32' &&
    output.shape[1] === model.classes.length
  );
}
