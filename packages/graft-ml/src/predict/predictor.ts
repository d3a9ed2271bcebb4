import { OptionError } from '@graft-ml/core/internal/base/errors';
import { ImagePredictor, type PredictorParts } from '@graft-ml/core/internal/predict/image-predictor';
import { availableCores } from '../files/own-process.ts';
import { readBytes } from '../files/read.ts';
import { loadOrt } from '../runtime/ort.ts';
import { openExport } from './exported-session.ts';
import { type PredictorImage, type PredictorImages, pathOf, predictorImages } from './predictor-images.ts';

export interface PredictorOptions {
  /** Threads of ONNX Runtime inside one operator. Default: the processor's cores. */
  readonly threads?: number;
}

/** A model that looks at images. It has a session until `close`. */
export class Predictor extends ImagePredictor<PredictorImage> {
  readonly #images: PredictorImages;

  constructor(parts: Omit<PredictorParts<PredictorImage>, 'input'>) {
    const images = predictorImages(parts.model);
    super({ ...parts, input: images.input });
    this.#images = images;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#images.close();
  }
}

/** The largest ONNX file that is one file: protobuf's bound. */
const mostModelBytes = 2 ** 31 - 1;
/**
 * How many images are in memory at once. Node's pool has four threads, in which libvips decodes; a model that takes whole
 * images needs all of one beside what was decoded.
 */
const atOnce = { pixels: 4, image: 1 } as const;

/**
 * Opens a model that `graft export` wrote: classes and preprocessing are in the file. `predict` takes the path of an
 * image, the content of one (bytes or a Blob) or decoded pixels.
 *
 * Decoding leaves the event loop free. The network does not: onnxruntime-node computes in the thread that asks, and what
 * else that thread serves waits so long.
 *
 * @param model its path, the URL of a file, or its content
 * @throws UserError where it cannot be read, is no such file, or onnxruntime-node is not installed
 * @example
 * const predictor = await loadPredictor('flowers.onnx');
 * const [best] = await predictor.predict(await request.arrayBuffer());
 */
export async function loadPredictor(
  model: string | URL | Blob | ArrayBuffer | Uint8Array,
  { threads = availableCores() }: PredictorOptions = {},
): Promise<Predictor> {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new OptionError({ option: 'threads', expected: 'a whole number from 1 on', received: threads });
  }
  const bytes = await contentOf(model);
  const { model: described, session } = await openExport(bytes, threads);
  return new Predictor({ model: described, session, Tensor: loadOrt().Tensor, atOnce: atOnce[described.input] });
}

async function contentOf(model: string | URL | Blob | ArrayBuffer | Uint8Array): Promise<Uint8Array> {
  if (model instanceof Uint8Array) return model;
  if (model instanceof ArrayBuffer) return new Uint8Array(model);
  if (model instanceof Blob) return new Uint8Array(await model.arrayBuffer());
  return readBytes(pathOf(model), { most: mostModelBytes });
}
