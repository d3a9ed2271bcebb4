import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import {
  type EvaluationMetrics,
  type RunningEvaluation,
  startEvaluation,
} from '@graft-ml/core/internal/evaluate/evaluation';
import { type McNemar, mcnemar, pairedInterval } from '@graft-ml/core/internal/evaluate/mcnemar';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { readRun } from '../runs/read-run.ts';
import type { Classifier } from './classifier.ts';
import { classifyLabelled, type EvaluateOptions } from './evaluate-folder.ts';
import type { EvaluatedImage } from './evaluation-file.ts';
import { type EvaluationImages, evaluationImages, type Part } from './evaluation-images.ts';
import { openRun } from './open-run.ts';

/** Options of comparing two runs. */
export interface CompareRunsOptions extends Omit<EvaluateOptions, 'part' | 'predictions' | 'onImage'> {
  /**
   * The images to compare on. Default: the validation images of the first run, where it was trained on this folder, since
   * whoever compares chooses; else as `evaluateFolder` has it.
   */
  readonly part?: Part | undefined;
  /** Hears of each image with what either run says of it, in the order of the dataset. Classes are each run's own. */
  readonly onImages?: ((first: EvaluatedImage, second: EvaluatedImage) => void) | undefined;
  /** The most images that are listed as answered differently. Default 10,000; all are counted. */
  readonly mostDifferences?: number | undefined;
}

/** An image of which two runs say different things. */
export interface ComparedImage {
  readonly path: string;
  readonly label: string;
  /** The answers, by class and its probability. */
  readonly first: { readonly name: string; readonly probability: number };
  readonly second: { readonly name: string; readonly probability: number };
}

/** One of two runs that are compared. */
export interface ComparedRun {
  readonly run: string;
  readonly evaluation: EvaluationMetrics;
  readonly temperature: number;
}

/** Two runs on the same images. */
export interface RunComparison {
  /** The part of the dataset that all numbers are of. */
  readonly part: Part;
  /** Whether it is of the first run's own dataset. */
  readonly sameDataset: boolean;
  readonly images: number;
  /** Images of the part that do not count, because one of the runs knows them. */
  readonly leftOut: number;
  /** False where one of the runs does not record all that it was made of. */
  readonly isComplete: boolean;
  readonly first: ComparedRun;
  readonly second: ComparedRun;
  readonly bothCorrect: number;
  readonly bothWrong: number;
  /** Whether one of them is better, by the images that only one gets right. */
  readonly mcnemar: McNemar;
  /** The second's accuracy minus the first's, with its 95 % interval. */
  readonly difference: number;
  readonly interval: readonly [low: number, high: number];
  /** The number of images that they answer differently, right or wrong, and these images. */
  readonly differing: number;
  readonly differences: readonly ComparedImage[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/**
 * Compares two runs on the same labelled images, which neither was fitted to: their numbers, McNemar's test, and the
 * images that they answer differently.
 *
 * @throws UserError where a run or the folder cannot be read, or there are no such images
 * @example const { difference, mcnemar } = await compareRuns('runs/a', 'runs/b', 'photos/');
 */
export async function compareRuns(
  first: string,
  second: string,
  folder: string,
  options: CompareRunsOptions = {},
): Promise<RunComparison> {
  const { part, shape, signal, onProgress, onImages, mostDifferences = 10_000, ...others } = options;
  const { topK, bins, replicates, seed, exactScores, ...opening } = others;
  const described = await readRun(first, options.openStore);
  await using a = await openRun(first, opening);
  await using b = await openRun(second, opening);
  const choice = { part, preferred: 'validation', shape, cache: options.cache, signal } as const;
  const chosen = await evaluationImages(described, folder, choice, a);
  const common = withoutKnown(chosen, b, part);
  if (common.length === 0) {
    throw new UserError(`${second} was trained on all images of ${folder} that ${first} can be evaluated on.`);
  }
  const measuring = { topK, bins, replicates, seed, exactScores };
  const [of, other] = [startEvaluation(a.classes, measuring), startEvaluation(b.classes, measuring)];
  const tally = new Tally(a.classes, b.classes, mostDifferences);
  for await (const [one, two] of both(a, b, common, signal)) {
    of.add(one.label, one.probabilities);
    other.add(two.label, two.probabilities);
    tally.add(one, two);
    onImages?.(one, two);
    onProgress?.(of.images, common.length);
  }
  const { part: compared, sameDataset, seen, problems } = chosen;
  return {
    part: compared,
    sameDataset,
    leftOut: seen.leftOut + chosen.images.length - common.length,
    isComplete: seen.isComplete && b.seen?.isComplete === true,
    first: comparedRun(first, a, of),
    second: comparedRun(second, b, other),
    ...tally.value(),
    problems,
    notes: [...a.notes, ...b.notes],
  };
}

function comparedRun(run: string, { temperature }: Classifier, evaluation: RunningEvaluation): ComparedRun {
  return { run, temperature, evaluation: evaluation.value() };
}

/** The images that the second run was not fitted to, nor chosen by where it is not the validation that is compared. */
function withoutKnown({ images, part }: EvaluationImages, { seen }: Classifier, asked: Part | undefined) {
  if (seen === null || asked === 'train' || asked === 'all') return images;
  const unfitted = images.filter((image) => !seen.fitted.has(contentKey(image)));
  const unknown = unfitted.filter((image) => !seen.chosen.has(contentKey(image)));
  return part === 'validation' || unknown.length === 0 ? unfitted : unknown;
}

/** The answers of both for one image after the other, each with the label as its own classes have it. */
async function* both(
  a: Classifier,
  b: Classifier,
  images: EvaluationImages['images'],
  signal: AbortSignal | undefined,
) {
  const positions = a.classes.map((name) => b.classes.indexOf(name));
  const missing = [...new Set(images.map(({ label }) => label))].filter((label) => positions[label] === -1);
  if (missing.length > 0) {
    const names = missing.map((label) => printableName(a.classes[label]!)).join(', ');
    throw new UserError(`The second run does not know all classes of these images: ${names}.`);
  }
  const others = classifyLabelled(
    b,
    { images: images.map((one) => ({ ...one, label: positions[one.label]! })) },
    { signal },
  );
  for await (const one of classifyLabelled(a, { images }, { signal })) {
    const { value: two } = await others.next();
    if (!two) throw new Error('compareRuns: one classifier had fewer images than the other');
    yield [one, two] as const;
  }
}

/** Counts who is right, and notes where they differ. */
class Tally {
  readonly #first: readonly string[];
  readonly #second: readonly string[];
  readonly #most: number;
  readonly #differences: ComparedImage[] = [];
  #images = 0;
  #bothCorrect = 0;
  #onlyFirst = 0;
  #onlySecond = 0;
  #differing = 0;

  constructor(first: readonly string[], second: readonly string[], most: number) {
    [this.#first, this.#second, this.#most] = [first, second, most];
  }

  add(one: EvaluatedImage, two: EvaluatedImage): void {
    const [isFirst, isSecond] = [one.label === one.predicted, two.label === two.predicted];
    this.#images++;
    if (isFirst && isSecond) this.#bothCorrect++;
    else if (isFirst) this.#onlyFirst++;
    else if (isSecond) this.#onlySecond++;
    const [first, second] = [answer(one, this.#first), answer(two, this.#second)];
    if (first.name === second.name) return;
    this.#differing++;
    if (this.#differences.length >= this.#most) return;
    this.#differences.push({ path: one.path, label: this.#first[one.label]!, first, second });
  }

  value() {
    const test = mcnemar(this.#onlyFirst, this.#onlySecond);
    return {
      images: this.#images,
      bothCorrect: this.#bothCorrect,
      bothWrong: this.#images - this.#bothCorrect - this.#onlyFirst - this.#onlySecond,
      mcnemar: test,
      difference: (this.#onlySecond - this.#onlyFirst) / this.#images,
      interval: pairedInterval(test, this.#images),
      differing: this.#differing,
      differences: this.#differences,
    };
  }
}

function answer({ predicted, probabilities }: EvaluatedImage, classes: readonly string[]) {
  return { name: classes[predicted]!, probability: probabilities[predicted]! };
}
