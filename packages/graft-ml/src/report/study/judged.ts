import { type EvaluationMetrics, startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import type { ImageFile } from '../../data/decode.ts';
import { classifyLabelled } from '../../evaluate/evaluate-folder.ts';
import type { EvaluatedImage } from '../../evaluate/evaluation-file.ts';
import { chooseImages, type EvaluationImages, type Part } from '../../evaluate/evaluation-images.ts';
import type { OpenRunOptions } from '../../evaluate/open-run.ts';
import { openRunWithImages } from '../../explain/opened-run.ts';

/** What a run said of one image. */
export interface Answer extends ImageFile {
  /** The names of its class and of the run's answer. */
  readonly label: string;
  readonly predicted: string;
  /** The probability of the answer, and of the label. */
  readonly confidence: number;
  readonly probability: number;
}

/** A run on the images that it may be chosen by. */
export interface Judged {
  /** The folder of its images as it is now. */
  readonly folder: string;
  readonly part: Part;
  /** Whether these are the images that its own dataset has. */
  readonly sameDataset: boolean;
  /** Images of the part that the run was fitted to, and that count all the same because there are no others. */
  readonly known: number;
  readonly metrics: EvaluationMetrics;
  /** By the content of the images, in the order of the dataset; copies of an image are numbered. */
  readonly answers: ReadonlyMap<string, Answer>;
}

export interface JudgeOptions
  extends Pick<OpenRunOptions, 'openStore' | 'cache' | 'decoder' | 'device' | 'checkpoint'> {
  /** Where its dataset is now, if it was moved, or if it was made by someone else. */
  readonly data?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onImage?: ((done: number, total: number) => void) | undefined;
  /** Hears of each image as it is classified. */
  readonly onAnswer?: ((image: EvaluatedImage) => void) | undefined;
}

/**
 * Evaluates a run on its validation images; one that was adapted and had none on those that it did not learn from. Null
 * where it has no such images.
 *
 * @throws UserError where the run or its images cannot be read
 */
export async function judge(path: string, { onImage, onAnswer, ...options }: JudgeOptions): Promise<Judged | null> {
  await using opened = await openRunWithImages(path, options);
  const { run, folder, classifier } = opened;
  if (run.dataset.validation === 0 && run.adaptedFrom === null) return null;
  const { signal } = options;
  const chosen = chooseImages(opened.images, folder, { part: run.dataset.validation > 0 ? 'validation' : undefined });
  // The intervals by bootstrap and the ranks of probabilities are not in the page.
  const evaluation = startEvaluation(run.classes, { replicates: 0, exactScores: 0 });
  const answers = new Map<string, Answer>();
  const { images } = chosen;
  let next = 0;
  for await (const image of classifyLabelled(classifier, chosen, { signal })) {
    const { label, predicted, probabilities } = image;
    evaluation.add(label, probabilities);
    onAnswer?.(image);
    const { path: file, within, ...own } = images[next++]!;
    answers.set(unusedKey(contentKey(own), answers), {
      path: file,
      ...(within && { within }),
      label: run.classes[label]!,
      predicted: run.classes[predicted]!,
      confidence: probabilities[predicted]!,
      probability: probabilities[label]!,
    });
    onImage?.(next, images.length);
  }
  return { folder, ...partOf(chosen), metrics: evaluation.value(), answers };
}

function unusedKey(content: string, used: ReadonlyMap<string, unknown>): string {
  let key = content;
  for (let copy = 2; used.has(key); copy++) key = `${content} ${copy}`;
  return key;
}

function partOf({ part, sameDataset, seen }: EvaluationImages) {
  return { part, sameDataset, known: seen.fitted - seen.leftOut };
}
