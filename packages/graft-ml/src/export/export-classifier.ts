import { dirname } from 'node:path';
import { encode } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import type { Classifier } from '../predict/classifier.ts';
import { createSession, loadOrt } from '../runtime/index.ts';

export interface ExportOptions {
  /** Images that the model takes at once. Default 1. */
  readonly batchSize?: number;
  /** Ends it before the file is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An exported model, and how it compares with what was exported. */
export interface Exported {
  readonly path: string;
  readonly bytes: number;
  /** The shape of the input: pixels as bytes, red, green and blue planes. */
  readonly input: readonly number[];
  /** The largest difference of a probability between the file in plain ORT and the classifier, on random pixels. */
  readonly difference: number;
}

/**
 * Writes a classifier as one ONNX file of standard operators: `pixels` u8 (n, 3, crop, crop), resized and cropped but
 * not normalised, to `logits` and `probabilities` f32 (n, classes). Classes and preprocessing are in its metadata.
 */
export async function exportClassifier(
  classifier: Classifier,
  path: string,
  { batchSize = 1, signal }: ExportOptions = {},
): Promise<Exported> {
  const { crop } = classifier.preprocessing;
  const metadata = { version, ...classifier.description };
  const { model: bytes } = encode(classifier.graph(batchSize), { metadata });
  const input = [batchSize, 3, crop, crop];
  const stream = randomStream(0, 'export');
  const pixels = Uint8Array.from({ length: sizeOf(input) }, () => stream.integer(256));
  const session = await createSession(bytes);
  const results = await session.run({ pixels: new (loadOrt().Tensor)('uint8', pixels, input) });
  await session.release();
  const written = results.probabilities!.data as Float32Array;
  const expected = await classifier.probabilities(pixels, batchSize);
  const difference = written.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  signal?.throwIfAborted();
  await wrapWriteErrors(path, async () => {
    await makeFolders(dirname(path));
    await replaceFile(path, bytes);
  });
  return { path, bytes: bytes.length, input, difference };
}
