import { randomStream } from '@graft-ml/core/internal/base/random';
import type { OnnxForm } from '@graft-ml/core/internal/export/index';
import type { Preprocessing } from '@graft-ml/core/models';
import type { InferenceSession, OnnxValue } from 'onnxruntime-common';
import type { Classifier } from '../predict/classifier.ts';
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
  const { crop } = classifier.preprocessing;
  const stream = randomStream(0, 'export');
  const pixels = Uint8Array.from({ length: count * 3 * crop * crop }, () => stream.integer(256));
  const expected = await classifier.probabilities(pixels, count);
  const session = await createSession(bytes);
  try {
    const { probabilities } = await session.run(feedsOf[form](pixels, count, classifier.preprocessing));
    const written = probabilities!.data as Float32Array;
    return written.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  } finally {
    await session.release();
  }
}

type Feeds = InferenceSession.FeedsType & Record<string, OnnxValue>;

/** Images that are resized and cropped, as a model of each form takes them. */
const feedsOf: { readonly [F in OnnxForm]: (pixels: Uint8Array, count: number, by: Preprocessing) => Feeds } = {
  pixels: (pixels, count, { crop }) => ({ pixels: new (loadOrt().Tensor)('uint8', pixels, [count, 3, crop, crop]) }),
  pixelValues: (pixels, count, { crop, mean, std }) => {
    const channel = (i: number) => Math.trunc(i / crop ** 2) % 3;
    const values = Float32Array.from(pixels, (p, i) => (p / 255 - mean[channel(i)]!) / std[channel(i)]!);
    return { pixel_values: new (loadOrt().Tensor)('float32', values, [count, 3, crop, crop]) };
  },
};
