import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OnnxForm } from '@graft-ml/core/internal/export/forms';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { type ExportedModel, readExportedModel } from '@graft-ml/core/internal/predict/exported-model';
import type { PredictorSession } from '@graft-ml/core/internal/predict/image-predictor';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { loadOrt, loadSession } from '../runtime/ort.ts';

/** An exported model that is open: from bytes of images to `logits` and `probabilities`, whatever its file takes. */
export interface OpenedExport {
  readonly model: ExportedModel;
  readonly session: PredictorSession;
}

/** The bytes that a model of each form is given: those of its network's own size, or of a whole image. */
const inputs: { readonly [F in OnnxForm]: ExportedModel['input'] } = {
  pixels: 'pixels',
  pixelValues: 'pixels',
  image: 'image',
  rawPixelValues: 'image',
};

/**
 * Opens a model that `graft export` wrote. What it writes for Hugging Face's readers takes `pixel_values` f32 and gives
 * logits alone: here images are normalised, and probabilities computed, beside the session.
 *
 * @throws UserError where it is no such model, or onnxruntime-node is not installed
 */
export async function openExport(bytes: Uint8Array, threads: number): Promise<OpenedExport> {
  const described = readExportedModel(bytes);
  const { input: form = 'pixels' } = readOnnxMetadata(bytes);
  if (!isForm(form)) throw new UserError(`The file takes ${form}, which this version of Graft does not know.`);
  const model = { ...described, input: inputs[form] };
  // A whole image can take gigabytes, which ONNX Runtime's arena would keep.
  const options = model.input === 'image' ? { enableCpuMemArena: false } : {};
  const session = await loadSession(bytes, threads, options).catch((cause: Error) => {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`ONNX Runtime cannot open the model: ${cause.message}`, { cause });
  });
  if (form === 'pixels' || form === 'image') return { model, session };
  return { model, session: withPixelValues(session, model, form) };
}

function isForm(name: string): name is OnnxForm {
  return Object.hasOwn(inputs, name);
}

/** A session of bytes made of one of `pixel_values`, f32: normalised, or of a whole image from 0 to 255. */
function withPixelValues(
  session: InferenceSession,
  { input, preprocessing }: ExportedModel,
  form: 'pixelValues' | 'rawPixelValues',
): PredictorSession {
  const named = (name: string) => (each: InferenceSession.ValueMetadata) => ({ ...each, name });
  const logits = session.outputMetadata.filter(({ name }) => name === 'logits');
  return {
    inputMetadata: session.inputMetadata.filter(({ name }) => name === 'pixel_values').map(named(input)),
    outputMetadata: [...logits, ...logits.map(named('probabilities'))],
    async run(feeds) {
      const { data, dims } = feeds[input]!;
      if (!(data instanceof Uint8Array)) throw new Error(`${input} is given as bytes`);
      const values = form === 'pixelValues' ? normalised(data, preprocessing) : Float32Array.from(data);
      const { Tensor: OrtTensor } = loadOrt();
      const results = await session.run({ pixel_values: new OrtTensor('float32', values, dims) }, ['logits']);
      const found = results.logits!;
      return { logits: found, probabilities: softmaxOfRows(found) };
    },
    release: () => session.release(),
  };
}

/** (p / 255 - mean) / std. @param pixels u8 (n, 3, crop, crop) */
function normalised(pixels: Uint8Array, { crop, mean, std }: ExportedModel['preprocessing']): Float32Array {
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const channel = Math.trunc(i / crop ** 2) % 3;
    values[i] = (pixels[i]! / 255 - mean[channel]!) / std[channel]!;
  }
  return values;
}

/** @param logits f32 (n, classes) */
function softmaxOfRows(logits: Tensor): Tensor {
  const { data, dims } = logits;
  if (!(data instanceof Float32Array)) throw new UserError('The model has no output `logits` of float32.');
  const classes = dims.at(-1)!;
  const probabilities = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += classes) {
    const row = data.subarray(at, at + classes);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = Float64Array.from(row, (value) => Math.exp(value - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    probabilities.set(
      powers.map((power) => power / sum),
      at,
    );
  }
  const { Tensor: OrtTensor } = loadOrt();
  return new OrtTensor('float32', probabilities, dims);
}
