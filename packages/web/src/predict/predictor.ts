import { UserError } from '@graft-ml/core/internal/base/errors';
import { rgbOf } from '@graft-ml/core/internal/image/decoder';
import { rowsOf } from '@graft-ml/core/internal/image/evaluation-view';
import {
  type ExportedModel,
  type ModelInput,
  modelInput,
  readExportedModel,
} from '@graft-ml/core/internal/predict/exported-model';
import { ImagePredictor } from '@graft-ml/core/internal/predict/image-predictor';
import { canvasDecoder } from '../image/canvas-decoder.ts';
import { type PageImage, pixelsOfFrame } from '../image/frame.ts';
import { defaultThreads, type WasmFiles, wasmBuild } from '../runtime/ort.ts';
import { explainStart } from '../runtime/session.ts';

export interface PredictorOptions extends WasmFiles {
  /** Threads, more than one only where the page is cross-origin isolated. Default: half the cores, at most 4, or 1. */
  readonly threads?: number;
}

/** A model that looks at images, one after the other. It has a session until `close`. */
export class Predictor extends ImagePredictor<PageImage> {}

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
  { threads = defaultThreads(), ...files }: PredictorOptions = {},
): Promise<Predictor> {
  const bytes = await contentOf(model);
  const described = readExportedModel(bytes);
  wasmBuild.setUp({ threads, ...files });
  const { InferenceSession, Tensor } = await wasmBuild.load();
  const session = await explainStart(wasmBuild, () => InferenceSession.create(bytes, { logSeverityLevel: 4 }));
  return new Predictor({ model: described, session, Tensor, input: (image) => inputOf(image, described) });
}

async function contentOf(source: string | URL | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>) {
  const isAddress = typeof source === 'string' || source instanceof URL;
  return new Uint8Array(await (isAddress ? await fetched(source) : new Response(source)).arrayBuffer());
}

async function fetched(address: string | URL): Promise<Response> {
  const response = await fetch(address).catch((cause: Error) => {
    throw new UserError(`${address} cannot be fetched: ${cause.message}.`, { cause });
  });
  if (response.ok) return response;
  throw new UserError(`${address} cannot be fetched: the server answers ${response.status}.`);
}

async function inputOf(image: PageImage, model: ExportedModel): Promise<ModelInput> {
  const rgb =
    image instanceof Blob || image instanceof Uint8Array || image instanceof ArrayBuffer
      ? await canvasDecoder().decode({ bytes: await contentOf(image), name: 'image' }, model.preprocessing)
      : rgbOf(pixelsOfFrame(image));
  return modelInput(rowsOf(rgb), model);
}
