import { UserError } from '../base/errors.ts';
import { parseShallow } from '../base/shallow-json.ts';
import { readOnnxMetadata } from '../graph/onnx-metadata.ts';
import { type ImageRows, resizeImage, viewAt } from '../image/evaluation-view.ts';
import type { Preprocessing } from '../models/model.ts';
import { parsePreprocessing } from '../models/preprocessing.ts';

/** The description that `graft export` writes into an ONNX file beside the network. */
export interface ExportedModel {
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Its input: `pixels` u8 (n, 3, crop, crop), resized and cropped, or `image` u8 (1, 3, h, w) of any size. */
  readonly input: 'pixels' | 'image';
}

/** The description in an ONNX file. @throws UserError where the bytes are no model, or have none */
export function readExportedModel(bytes: Uint8Array): ExportedModel {
  const { format, classes, preprocessing, input } = readOnnxMetadata(bytes);
  const names = parseShallow(classes ?? '', 1);
  if (format !== 'graft' || !Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new UserError('The file does not say its classes: export a run with `graft export`.');
  }
  return {
    classes: names,
    preprocessing: parsePreprocessing(parseShallow(preprocessing ?? '', 2)),
    input: input === 'image' ? input : 'pixels',
  };
}

/** The input of an exported model for one image: bytes, channels first. */
export interface ModelInput {
  /** (1, 3, height, width) */
  readonly shape: readonly [1, 3, number, number];
  readonly data: Uint8Array;
}

/** Makes a model's input of an image. @throws ImageError (by rejection) where its rows are damaged */
export async function modelInput(image: ImageRows, model: ExportedModel): Promise<ModelInput> {
  const { width, height } = image;
  if (model.input === 'image') return { shape: [1, 3, height, width], data: await planesOf(image) };
  const { preprocessing } = model;
  const [view] = await resizeImage(image, [viewAt(image, preprocessing, preprocessing.crop)]);
  return pixelsInput(view!, model);
}

/** The input `pixels` of a view, planar u8 (3, crop, crop). */
export function pixelsInput(view: Uint8Array, { preprocessing: { crop } }: ExportedModel): ModelInput {
  return { shape: [1, 3, crop, crop], data: view };
}

/** The red, the green and the blue of an image, one after the other. */
export async function planesOf(image: ImageRows): Promise<Uint8Array> {
  const area = image.width * image.height;
  const planes = new Uint8Array(3 * area);
  await image.decode(0, image.height, ({ data }, top) => {
    for (let from = 0, to = top * image.width; from < data.length; to++) {
      planes[to] = data[from++]!;
      planes[area + to] = data[from++]!;
      planes[2 * area + to] = data[from++]!;
    }
  });
  return planes;
}
