/// <reference lib="esnext.disposable" preserve="true" />
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { rgbOf } from '@graft-ml/core/internal/image/decoder';
import type { Framing } from '@graft-ml/core/internal/image/transform';
import { evaluationViews, rowsOf } from '@graft-ml/core/internal/image/view';
import { parsePreprocessing } from '@graft-ml/core/internal/models/preprocessing';
import type { InferenceSession } from 'onnxruntime-web/wasm';
import { canvasDecoder } from '../image/canvas-decoder.ts';
import { type PageImage, pixelsOfFrame } from '../image/frame.ts';
import { defaultThreads, type WasmFiles, wasmBuild } from '../runtime/ort.ts';
import { explainStart } from '../runtime/session.ts';

export interface PredictorOptions extends WasmFiles {
  /** Threads, more than one only where the page is cross-origin isolated. Default: half the cores, at most 4, or 1. */
  readonly threads?: number;
}

export interface PredictedClass {
  readonly name: string;
  readonly probability: number;
}

/**
 * Opens a model that `graft export` wrote, to look at images in a page: classes and preprocessing are in the file.
 *
 * @param model its address, or its content
 * @throws UserError where it cannot be had, or is no such file; where onnxruntime-web cannot start
 * @example
 * const predictor = await loadPredictor('flowers.onnx');
 * const [best] = await predictor.predict(file); // a File, a <video>, a canvas, ImageData, …
 */
export async function loadPredictor(
  model: string | URL | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>,
  { threads = defaultThreads(), wasmPaths, wasmBinary }: PredictorOptions = {},
): Promise<Predictor> {
  const bytes = await contentOf(model);
  const { classes, framing } = describe(bytes);
  wasmBuild.setUp({ threads, wasmPaths, wasmBinary });
  const ort = await wasmBuild.load();
  const session = await explainStart(wasmBuild, () => ort.InferenceSession.create(bytes, { logSeverityLevel: 4 }));
  const tensor = (pixels: Uint8Array) => new ort.Tensor('uint8', pixels, [1, 3, framing.crop, framing.crop]);
  return new Predictor(
    classes,
    async (image) => {
      const { probabilities } = await session.run({ pixels: tensor(await pixelsOf(image, framing)) }, [
        'probabilities',
      ]);
      return probabilities!.data as Float32Array;
    },
    session,
  );
}

/** A model that looks at images. It has a session until `close`. */
export class Predictor implements AsyncDisposable {
  readonly classes: readonly string[];
  readonly #look: (image: PageImage) => Promise<Float32Array>;
  readonly #session: InferenceSession;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    classes: readonly string[],
    look: (image: PageImage) => Promise<Float32Array>,
    session: InferenceSession,
  ) {
    [this.classes, this.#look, this.#session] = [classes, look, session];
  }

  /**
   * The likeliest classes of an image, the first first. Calls take turns.
   * @param top how many. Default: all
   * @throws ImageError (by rejection) where the image cannot be used
   */
  async predict(image: PageImage, top = this.classes.length): Promise<PredictedClass[]> {
    const looked = this.#last.then(() => this.#look(image));
    this.#last = looked.catch(() => {});
    const probabilities = await looked;
    return this.classes
      .map((name, i) => ({ name, probability: probabilities[i]! }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, top);
  }

  /** Frees the session. Idempotent. */
  async close(): Promise<void> {
    await this.#last;
    await this.#session.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function contentOf(model: string | URL | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>) {
  if (model instanceof Uint8Array) return model;
  if (model instanceof ArrayBuffer) return new Uint8Array(model);
  if (model instanceof Blob) return new Uint8Array(await model.arrayBuffer());
  const response = await fetch(model).catch((cause: Error) => {
    throw new UserError(`${model} cannot be fetched: ${cause.message}.`, { cause });
  });
  if (!response.ok) throw new UserError(`${model} cannot be fetched: the server answers ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What `graft export` wrote beside the network. */
function describe(bytes: Uint8Array): { readonly classes: readonly string[]; readonly framing: Framing } {
  const { format, classes, preprocessing } = readOnnxMetadata(bytes);
  const names = parseShallow(classes ?? '', 1);
  if (format !== 'graft' || !Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new UserError('The file does not say its classes: export a run with `graft export`.');
  }
  return { classes: names, framing: parsePreprocessing(parseShallow(preprocessing ?? '', 2)) };
}

/** The view of an image that the model takes: planar u8 (3, crop, crop). */
async function pixelsOf(image: PageImage, framing: Framing): Promise<Uint8Array> {
  const request = { kind: 'evaluation', preprocessing: framing } as const;
  const rgb =
    image instanceof Blob || image instanceof Uint8Array || image instanceof ArrayBuffer
      ? await canvasDecoder().decode({ bytes: await contentOf(image), name: 'image' }, framing)
      : rgbOf(pixelsOfFrame(image));
  return evaluationViews(rowsOf(rgb), request, framing.crop);
}
