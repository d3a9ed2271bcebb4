import { randomStream } from '@graft-ml/core/internal/base/random';
import { softmax } from '@graft-ml/core/internal/evaluate/evaluation';
import type { OnnxForm } from '@graft-ml/core/internal/export/index';
import { type RgbImage, resize } from '@graft-ml/core/internal/image/resize';
import { evaluationView } from '@graft-ml/core/internal/image/transform';
import type { Preprocessing } from '@graft-ml/core/models';
import type { InferenceSession } from 'onnxruntime-common';
import type { Classifier } from '../evaluate/classifier.ts';
import { createSession, loadOrt } from '../runtime/index.ts';

/**
 * The largest difference of a probability between an exported model in plain ORT and the classifier that it is of, on
 * images of random pixels.
 */
export async function differenceOf(
  bytes: Uint8Array,
  form: OnnxForm,
  classifier: Classifier,
  count: number,
): Promise<number> {
  const { feeds, pixels } = trials[form](classifier.preprocessing, count);
  const expected = await classifier.probabilities(pixels, count);
  const session = await createSession(bytes);
  try {
    const { logits, probabilities } = await session.run(feeds);
    const given = probabilities ? numbersOf(probabilities) : softmaxRows(numbersOf(logits!), count);
    return given.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  } finally {
    await session.release();
  }
}

function numbersOf({ data }: InferenceSession.OnnxValueMapType[string]): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error('export: an output is not f32');
}

function softmaxRows(logits: Float32Array, rows: number): Float32Array {
  const width = logits.length / rows;
  const row = (i: number) => softmax(logits.subarray(i * width, (i + 1) * width));
  return Float32Array.from(Array.from({ length: rows }, (_, i) => [...row(i)]).flat());
}

/** Images as a model is fed them, and as the classifier sees them. */
interface Trial {
  readonly feeds: InferenceSession.OnnxValueMapType;
  /** Planar u8 (n, 3, crop, crop). */
  readonly pixels: Uint8Array;
}

const trials: { readonly [F in OnnxForm]: (preprocessing: Preprocessing, count: number) => Trial } = {
  pixels({ crop }, count) {
    const pixels = randomBytes(count * 3 * crop ** 2);
    return { pixels, feeds: { pixels: new (loadOrt().Tensor)('uint8', pixels, [count, 3, crop, crop]) } };
  },
  pixelValues({ crop, mean, std }, count) {
    const pixels = randomBytes(count * 3 * crop ** 2);
    const channel = (i: number) => Math.trunc(i / crop ** 2) % 3;
    const values = Float32Array.from(pixels, (p, i) => (p / 255 - mean[channel(i)]!) / std[channel(i)]!);
    return { pixels, feeds: { pixel_values: new (loadOrt().Tensor)('float32', values, [count, 3, crop, crop]) } };
  },
  image(preprocessing) {
    const { dims, planar, pixels } = anyImage(preprocessing);
    return { pixels, feeds: { image: new (loadOrt().Tensor)('uint8', planar, dims) } };
  },
  rawPixelValues(preprocessing) {
    const { dims, planar, pixels } = anyImage(preprocessing);
    return { pixels, feeds: { pixel_values: new (loadOrt().Tensor)('float32', Float32Array.from(planar), dims) } };
  },
};

/** An image half again as large as the model's, wider than high: planar, and as training resizes and crops it. */
function anyImage(preprocessing: Preprocessing) {
  const { crop, resize: shorter, interpolation = 'bilinear' } = preprocessing;
  const [width, height] = [2 * shorter + 1, Math.round(1.5 * shorter)];
  const data = randomBytes(3 * width * height);
  const image: RgbImage = { width, height, data };
  const pixels = new Uint8Array(3 * crop ** 2);
  resize(image, evaluationView(image, preprocessing).box, { width: crop, height: crop, interpolation }, pixels);
  const plane = width * height;
  const planar = data.map((_, i) => data[(i % plane) * 3 + Math.trunc(i / plane)]!);
  return { dims: [1, 3, height, width], planar, pixels };
}

function randomBytes(count: number): Uint8Array {
  const stream = randomStream(0, 'export');
  return Uint8Array.from({ length: count }, () => stream.integer(256));
}
