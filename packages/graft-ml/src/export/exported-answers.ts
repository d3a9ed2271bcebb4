/// <reference lib="esnext.disposable" preserve="true" />
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { softmax } from '@graft-ml/core/internal/evaluate/evaluation';
import { networkOf, type OnnxForm } from '@graft-ml/core/internal/export/forms';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { Classifier } from '../evaluate/classifier.ts';
import { readBytes } from '../files/read.ts';
import { loadPredictor } from '../predict/predictor.ts';
import { loadOrt, ortVersion } from '../runtime/index.ts';
import { loadSession } from '../runtime/ort.ts';

/** An exported ONNX model. */
export interface ExportedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The form of its input, and the dtype of its numbers, as its metadata says. */
  readonly form: OnnxForm;
  readonly dtype: string;
}

/**
 * The ONNX model of an export: a file, or the one in a folder.
 * @throws UserError where there is none, or several, or one that is no export of Graft
 */
export async function openExported(place: string): Promise<ExportedFile> {
  const path = (await isFolder(place)) ? await onlyModel(place) : place;
  if (path.endsWith('.safetensors')) throw onlyOnnx(path);
  const bytes = await readBytes(path, { most: 2 ** 31 - 1 });
  const { format, input = 'pixels', dtype = 'fp32' } = await inFile(path, async () => readOnnxMetadata(bytes));
  if (format !== 'graft') {
    throw new UserError(`${path} is no model that \`graft export\` wrote: its metadata does not say so.`);
  }
  if (!isForm(input)) throw new UserError(`${path} takes ${input}, which this version of Graft does not know.`);
  return { path, bytes, form: input, dtype };
}

function isForm(name: string): name is OnnxForm {
  return Object.hasOwn(networkOf, name);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

async function onlyModel(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, encoding: 'utf8' });
  const models = entries.filter((name) => name.endsWith('.onnx')).sort();
  if (models.length === 1) return join(folder, models[0]!);
  if (models.length === 0) throw onlyOnnx(folder);
  throw new UserError(`${folder} has several ONNX models. Name the one to verify: ${models.join(', ')}.`);
}

function onlyOnnx(place: string): UserError {
  return new UserError(`${place} has no ONNX model, and only those are verified: its weights are for PyTorch.`);
}

/** An exported model in onnxruntime-node. */
export interface ExportedAnswers extends AsyncDisposable {
  readonly engine: string;
  /** The probabilities of an image; `decode` gives its pixels, where the form needs all of them. */
  answer(path: string, decode: () => Promise<RgbImage>): Promise<Float32Array>;
}

/** Opens an exported model as its readers would. @throws UserError where it is not what its metadata say */
export async function openAnswers(
  file: ExportedFile,
  classifier: Classifier,
  threads: number,
): Promise<ExportedAnswers> {
  const engine = `onnxruntime-node ${ortVersion()}`;
  const { bytes, form } = file;
  if (form === 'pixels' || form === 'image') {
    const predictor = await loadPredictor(bytes, { threads });
    return { engine, answer: (path) => predictor.probabilities(path), [Symbol.asyncDispose]: () => predictor.close() };
  }
  const values = pixelValues[form];
  const session = await loadSession(bytes, threads);
  return {
    engine,
    async answer(path, decode) {
      const { data, shape } = await values(path, classifier, decode);
      const { logits } = await session.run({ pixel_values: new (loadOrt().Tensor)('float32', data, shape) }, [
        'logits',
      ]);
      if (!(logits?.data instanceof Float32Array)) throw new UserError(`${file.path}: its logits are not f32.`);
      return Float32Array.from(softmax(logits.data));
    },
    [Symbol.asyncDispose]: () => session.release(),
  };
}

interface PixelValues {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** What Hugging Face's image processors make of an image, with the run's own resize. */
const pixelValues: {
  readonly [F in Exclude<OnnxForm, 'pixels' | 'image'>]: (
    path: string,
    by: Classifier,
    decode: () => Promise<RgbImage>,
  ) => Promise<PixelValues>;
} = {
  async pixelValues(path, classifier) {
    const { crop, mean, std } = classifier.preprocessing;
    const view = await classifier.view(path);
    const channel = (i: number) => Math.trunc(i / crop ** 2);
    const data = Float32Array.from(view, (p, i) => (p / 255 - mean[channel(i)]!) / std[channel(i)]!);
    return { data, shape: [1, 3, crop, crop] };
  },
  async rawPixelValues(_path, _classifier, decode) {
    const { width, height, data: rgb } = await decode();
    const area = width * height;
    const data = Float32Array.from({ length: 3 * area }, (_, i) => rgb[(i % area) * 3 + Math.trunc(i / area)]!);
    return { data, shape: [1, 3, height, width] };
  },
};
