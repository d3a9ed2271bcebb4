import { argmax } from '@graft-ml/core/internal/base/largest';
import {
  type EvaluationMetrics,
  type EvaluationOptions,
  startEvaluation,
} from '@graft-ml/core/internal/evaluate/evaluation';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { TestTimeAugmentation } from '@graft-ml/core/internal/image/test-time';
import type { DatasetImage } from '../data/dataset.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import { readRun } from '../runs/read-run.ts';
import type { Classifier } from './classifier.ts';
import { assertEvaluationFile, type EvaluatedImage, writeEvaluatedImages } from './evaluation-file.ts';
import { type EvaluationImages, evaluationImages, type Part, type SeenImages } from './evaluation-images.ts';
import { type OpenRunOptions, openRun } from './open-run.ts';

export interface EvaluateOptions extends OpenRunOptions, Omit<EvaluationOptions, 'outputs'> {
  /**
   * The images to evaluate on. Default: `test` where the folder has such a part; `validation` where it is the folder
   * the run was trained on and some were held out; else all. Images that the run was fitted to are left out (by their
   * content, wherever they are), of other parts than its own `validation` also those that it was chosen by, unless
   * `train` or `all` asks for them.
   */
  readonly part?: Part;
  /** The shape of the dataset, where it is not the run's own; its own is read as it was for training. */
  readonly shape?: ShapeOptions;
  /**
   * A file to write each image's path, label, prediction and probabilities to: `.csv`, `.jsonl` or `.parquet`. It appears
   * when it is complete.
   */
  readonly predictions?: string | undefined;
  /** Hears of each image as it is classified, in the order of the dataset. */
  readonly onImage?: ((image: EvaluatedImage) => void) | undefined;
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An evaluation of a run on the images of a folder. */
export interface FolderEvaluation extends EvaluationMetrics {
  /** The part of the dataset that all numbers are of. */
  readonly part: Part;
  readonly tta: TestTimeAugmentation;
  /** The temperature that logits were divided by: 1 where the run is not calibrated. */
  readonly temperature: number;
  /** Whether these are the very images that the run's dataset has. */
  readonly sameDataset: boolean;
  /** The images of the part that the run was made of, itself or the weights that it began with. */
  readonly seen: SeenImages;
  readonly problems: readonly Problem[];
  /** Notes on the run, a sentence each. */
  readonly notes: readonly string[];
  /** The file with each image's prediction; null where none was asked for. */
  readonly predictions: string | null;
}

/**
 * Evaluates a run on a folder of labelled images, whose classes must be among the run's: one image after the other, in
 * memory that does not grow with them beyond `exactScores`.
 *
 * @throws UserError where the run or the folder cannot be read, or there is nothing to evaluate
 * @example const { accuracy, macro, calibration } = await evaluateFolder('runs/x', 'photos/', { part: 'validation' });
 */
export async function evaluateFolder(
  run: string,
  folder: string,
  options: EvaluateOptions = {},
): Promise<FolderEvaluation> {
  const { part, shape, topK, bins, replicates, seed, exactScores, predictions, ...others } = options;
  const { onImage, onProgress, signal, ...opening } = others;
  if (predictions !== undefined) assertEvaluationFile(predictions);
  const described = await readRun(run, options.openStore);
  const { classes } = described;
  const evaluation = startEvaluation(classes, { topK, bins, replicates, seed, exactScores });
  const classifier = await openRun(run, opening);
  try {
    const chosen = await evaluationImages(described, folder, { part, shape, cache: options.cache, signal }, classifier);
    const evaluate = async function* () {
      for await (const image of classifyLabelled(classifier, chosen, { signal })) {
        evaluation.add(image.label, image.probabilities);
        onImage?.(image);
        onProgress?.(evaluation.images, chosen.images.length);
        yield image;
      }
    };
    if (predictions === undefined) for await (const _ of evaluate());
    else await writeEvaluatedImages(predictions, evaluate(), classes);
    const { images: _, ...facts } = chosen;
    const { tta, temperature, notes } = classifier;
    return { ...evaluation.value(), ...facts, tta, temperature, notes, predictions: predictions ?? null };
  } finally {
    await classifier.close();
  }
}

/** Classifies the images of an evaluation, one after the other. */
export async function* classifyLabelled(
  classifier: Classifier,
  { images }: Pick<EvaluationImages, 'images'>,
  { signal }: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<EvaluatedImage, void, undefined> {
  let next = 0;
  for await (const prediction of classifier.predict(images, { signal })) {
    const { label, path, within }: DatasetImage = images[next++]!;
    if (prediction.problem) throw new Error(`${path} could be read a moment ago: ${prediction.problem.message}`);
    const { probabilities } = prediction;
    yield { path, ...(within && { within }), label, predicted: argmax(probabilities), probabilities };
  }
}
