import { numbersOf, type Tensor, tensor } from '../base/tensor.ts';
import { tensorDataset } from '../fit/examples.ts';
import { fit } from '../fit/fit.ts';
import { Model, modelParts } from '../fit/model.ts';
import type { Value } from '../graph/index.ts';
import { chooseFold } from '../image/split.ts';
import { linear, type Scope } from '../nn/index.ts';
import { adamw } from '../optim/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { softmax } from './evaluation.ts';
import { featureScales, standardised } from './feature-scales.ts';

/** Features of images, one row (f) each, with their labels. */
export interface LabelledFeatures {
  readonly rows: readonly Float32Array[];
  readonly labels: readonly number[];
  /** The hash of each image's content: copies of one are in one fold. */
  readonly contents: readonly string[];
  readonly classes: number;
}

export interface ProbeOptions {
  readonly runtime: Runtime;
  readonly folds: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * The probe: a linear layer on standardised features, by AdamW. On TrashNet and Caltech-101 (600 images of each, 8 % of
 * the labels changed, SqueezeNet 1.1) it is right for 69.6 and 96.5 % of the images, with a weight decay of 0.1 for 68.5
 * and 94.7 %.
 */
const probe = { epochs: 20, batchSize: 32, learningRate: 3e-3, weightDecay: 3 } as const;

/**
 * Out-of-sample class probabilities (n, classes) by cross-validation: each image's are those of a linear probe that was
 * trained on the other folds, which are stratified and decided by the seed.
 *
 * @throws the signal's reason
 */
export async function outOfSample(features: LabelledFeatures, options: ProbeOptions): Promise<Float64Array[]> {
  const { folds, seed, signal, onProgress } = options;
  const foldOf = foldsOf(features, folds, seed);
  const probabilities: Float64Array[] = features.rows.map(() => new Float64Array(features.classes));
  for (let fold = 0; fold < folds; fold++) {
    const [training, rest]: [number[], number[]] = [[], []];
    foldOf.forEach((own, i) => {
      (own === fold ? rest : training).push(i);
    });
    if (rest.length > 0 && training.length > 0) {
      const predicted = await probed(features, training, rest, options);
      rest.forEach((i, row) => {
        probabilities[i] = predicted[row]!;
      });
    }
    signal?.throwIfAborted();
    onProgress?.(fold + 1, folds);
  }
  return probabilities;
}

/** The fold of each image, from 0. A copy under another label is in the fold of the first: no probe has seen it. */
export function foldsOf(
  { labels, contents, classes }: Omit<LabelledFeatures, 'rows'>,
  of: number,
  seed: number,
): number[] {
  const images = labels.map((label, index) => ({ label, index, sha256: contents[index]! }));
  const byClass = Array.from({ length: classes }, (_, label) => images.filter((image) => image.label === label));
  const foldOfContent = new Map<string, number>();
  for (let fold = 0; fold < of; fold++) {
    for (const { sha256 } of chooseFold(byClass, { index: fold + 1, of }, seed)) {
      if (!foldOfContent.has(sha256)) foldOfContent.set(sha256, fold);
    }
  }
  return contents.map((content) => foldOfContent.get(content)!);
}

/** Trains a probe on some images, and returns the probabilities (rest, classes) of the others. */
async function probed(
  features: LabelledFeatures,
  training: readonly number[],
  rest: readonly number[],
  { runtime, seed, signal }: ProbeOptions,
): Promise<Float64Array[]> {
  const { rows, labels, classes } = features;
  const width = rows[0]!.length;
  const standardise = standardiser(training.map((i) => rows[i]!));
  const network = (s: Scope, x: Value) => linear(s.at('head'), x, { features: classes });
  const head = new Model(modelParts(network, { input: { dtype: 'f32', shape: [width] }, runtime, seed }));
  try {
    const train = tensorDataset(
      standardise(training.map((i) => rows[i]!)),
      training.map((i) => labels[i]!),
    );
    const { epochs, batchSize, ...rates } = probe;
    const settings = {
      epochs,
      batchSize,
      seed,
      best: 'loss',
      optimizer: adamw(rates),
      ...(signal && { signal }),
    } as const;
    for await (const _ of fit(head, { train }, settings));
    signal?.throwIfAborted();
    const logits = await head.predict(standardise(rest.map((i) => rows[i]!)));
    return rest.map((_, row) => softmax(numbersOf(logits).slice(row * classes, (row + 1) * classes)));
  } finally {
    await head.close();
  }
}

/** Rows as one tensor (n, f), each feature with the mean 0 and the deviation 1 that it has in `rows`. */
function standardiser(rows: readonly Float32Array[]): (rows: readonly Float32Array[]) => Tensor {
  const scales = featureScales(rows);
  return (wanted) => {
    const width = scales.mean.length;
    const data = new Float32Array(wanted.length * width);
    for (const [i, row] of wanted.entries()) data.set(standardised(row, scales), i * width);
    return tensor('f32', [wanted.length, width], data);
  };
}
