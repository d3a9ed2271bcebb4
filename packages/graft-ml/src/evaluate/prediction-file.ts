import { extname } from 'node:path';
import { csvCell } from '@graft-ml/core/internal/base/csv';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { ranked } from '@graft-ml/core/internal/base/largest';
import { printableJson } from '@graft-ml/core/internal/base/printable';
import type { TestTimeAugmentation } from '@graft-ml/core/internal/image/test-time';
import { growFile } from '../files/write.ts';
import type { Classifier, Prediction } from './classifier.ts';

/** What says of files which classes they are of: a classifier, or an exported model. */
export type FilePredictor = Pick<Classifier, 'classes' | 'tta'> & {
  predict(paths: readonly string[]): AsyncIterable<Prediction>;
};

/** A classifier's answer for one image, for printing and for files. */
export interface DescribedPrediction {
  readonly path: string;
  /** The views, where it is the mean of several. */
  readonly tta?: TestTimeAugmentation;
  /** Why the image could not be looked at; then there are no classes. */
  readonly problem?: string;
  /** The likeliest ones, the first first. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
}

/** The `top` likeliest classes by name. */
export function describePrediction(
  prediction: Prediction,
  { classes, tta }: Pick<FilePredictor, 'classes' | 'tta'>,
  top: number,
): DescribedPrediction {
  const { path, probabilities, problem } = prediction;
  if (!probabilities) return { path, problem: problem.message, classes: [] };
  const best = ranked(probabilities, top);
  return {
    path,
    ...(tta !== 'none' && { tta }),
    classes: best.map((i) => ({ name: classes[i]!, probability: probabilities[i]! })),
  };
}

export interface PredictFilesOptions {
  /** The number of classes to name. */
  readonly top: number;
  /** Ends the work between two images, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Describes answers for one image after the other. @throws the signal's reason */
export async function* predictFiles(
  classifier: FilePredictor,
  paths: readonly string[],
  { top, signal }: PredictFilesOptions,
): AsyncGenerator<DescribedPrediction, void, undefined> {
  for await (const prediction of classifier.predict(paths)) {
    signal?.throwIfAborted();
    yield describePrediction(prediction, classifier, top);
  }
}

/** Formats of a file of predictions, by its extension. */
const formats = {
  '.csv': { head: csvHead, line: csvLine },
  '.jsonl': { head: () => '', line: (row: DescribedPrediction) => `${printableJson(row)}\n` },
} as const;

/** @throws OptionError where a file's name does not say in which format predictions are to be written */
export function assertPredictionFile(path: string): void {
  if (!(extname(path).toLowerCase() in formats))
    throw new OptionError({
      option: 'output',
      expected: 'a file of predictions, .csv or .jsonl',
      received: path,
      problem: ` ${path}: predictions are written as .csv or .jsonl.`,
    });
}

/**
 * Writes predictions as they come, a line for each image: `.csv` (path, class and probability `top` times, problem) or
 * `.jsonl` (objects). The file appears when it is complete. Returns how many images there were, and how many could not
 * be looked at.
 */
export async function writePredictions(
  path: string,
  predictions: AsyncIterable<DescribedPrediction>,
  top: number,
): Promise<{ images: number; failed: number }> {
  assertPredictionFile(path);
  const { head, line } = formats[extname(path).toLowerCase() as keyof typeof formats];
  return growFile(path, async (append) => {
    await append(head(top));
    const counts = { images: 0, failed: 0 };
    for await (const row of predictions) {
      await append(line(row, top));
      counts.images++;
      if (row.problem !== undefined) counts.failed++;
    }
    return counts;
  });
}

function csvHead(top: number): string {
  const columns = Array.from({ length: top }, (_, i) =>
    i === 0 ? 'class,probability' : `class_${i + 1},probability_${i + 1}`,
  );
  return `${['path', ...columns, 'problem'].join(',')}\n`;
}

function csvLine({ path, problem = '', classes }: DescribedPrediction, top: number): string {
  const cells = Array.from({ length: top }, (_, i) => classes[i]).flatMap((one) =>
    one ? [csvCell(one.name), csvCell(Number(one.probability.toPrecision(6)))] : ['', ''],
  );
  return `${[csvCell(path), ...cells, csvCell(problem)].join(',')}\n`;
}
