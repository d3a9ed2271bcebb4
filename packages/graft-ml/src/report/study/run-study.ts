import { createHash } from 'node:crypto';
import type { EvaluationMetrics } from '@graft-ml/core/internal/evaluate/evaluation';
import { type McNemar, mcnemar, pairedInterval } from '@graft-ml/core/internal/evaluate/mcnemar';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { openRun } from '../../evaluate/open-run.ts';
import { openRunWithImages } from '../../explain/opened-run.ts';
import { distinctNames } from '../../study/given.ts';
import { testPart } from '../facts.ts';
import type { SelectedImage } from '../selection.ts';
import { drawThumbnails, type Thumbnails } from '../thumbnails.ts';
import { type Differences, differencesOf } from './differing.ts';
import type { Answer, JudgeOptions } from './judged.ts';
import type { StudyOptions } from './options.ts';
import { accuracyOf, type StudyRun, studyRun } from './study-run.ts';
import { warningsOf } from './warnings.ts';

/** Several runs of ordinary training, compared. */
export interface RunStudy {
  readonly runs: readonly StudyRun[];
  readonly differences: Differences;
  /** Runs by the images that they were evaluated on, the largest group first; those without any are in none. */
  readonly groups: readonly (readonly number[])[];
  /** The best run beside the best that was trained another way, on the same images; null where there are no two. */
  readonly pair: BestPair | null;
  /** The run that the validation images choose, with its test part; null where it has none. */
  readonly test: { readonly run: number; readonly metrics: EvaluationMetrics } | null;
  /** Images on which every run of the first group is wrong. */
  readonly missed: readonly MissedImage[];
  /** The names of all classes. */
  readonly classes: readonly string[];
  readonly thumbnails: Thumbnails;
  /** What keeps the runs from being compared, a sentence each. */
  readonly warnings: readonly string[];
}

/** Two runs on the same images. */
export interface BestPair {
  readonly first: number;
  readonly second: number;
  readonly images: number;
  readonly mcnemar: McNemar;
  /** The first's accuracy minus the second's, with its 95 % interval. */
  readonly difference: number;
  readonly interval: readonly [low: number, high: number];
  /** Images that only the one or only the other gets right, the clearest first. */
  readonly onlyFirst: readonly SelectedImage[];
  readonly onlySecond: readonly SelectedImage[];
}

/** An image that all runs get wrong. */
export interface MissedImage {
  readonly image: SelectedImage;
  /** The answers with the number of runs that gave them, the most frequent first. */
  readonly answers: readonly (readonly [name: string, runs: number])[];
}

/** Images of a kind that are shown. */
const mostShown = 24;
const mostOfPair = 12;
const thumbnailBudget = 2_000_000;

/** Reads, evaluates and compares runs. @throws UserError where one cannot be read */
export async function gatherRuns(paths: readonly string[], options: StudyOptions): Promise<RunStudy> {
  const names = distinctNames(paths);
  const runs: StudyRun[] = [];
  for (const [i, path] of paths.entries()) {
    runs.push(await studyRun(path, names[i]!, judging(options, `evaluating ${i + 1} of ${paths.length}`)));
  }
  return compareRuns(runs, names, options);
}

/** The options of opening one run of several. */
function opening({ openStore, cache, decoder, device, checkpoint, data, signal }: StudyOptions) {
  return { openStore, cache, decoder, device, checkpoint, data, signal };
}

/** The options of evaluating one run of several, with its progress under a name. */
export function judging(options: StudyOptions, stage: string): JudgeOptions {
  return { ...opening(options), onImage: (done, total) => options.onProgress?.({ stage, done, total }) };
}

async function compareRuns(
  runs: readonly StudyRun[],
  names: readonly string[],
  options: StudyOptions,
): Promise<RunStudy> {
  const differences = differencesOf(
    runs.map(({ run }) => run),
    names,
  );
  const groups = groupsOf(runs);
  const classes = [...new Set(runs.flatMap(({ run }) => run.classes))];
  const [largest = []] = groups;
  const pair = largest.length > 1 ? bestPair(runs, differences, largest, classes) : null;
  const compared = largest.map((i) => runs[i]!);
  const missed = largest.length > 1 ? missedBy(compared, classes) : [];
  const best = ranked(runs, largest)[0];
  return {
    ...{ runs, differences, groups, pair, missed, classes },
    test: best === undefined ? null : await testOf(runs[best]!, best, options),
    thumbnails: best === undefined ? new Map() : await drawnBy(runs[best]!, shownImages(pair, missed), options),
    warnings: warningsOf(runs, groups),
  };
}

/** Runs that were evaluated on the very same images with the same labels. */
function groupsOf(runs: readonly StudyRun[]): number[][] {
  const judged = [...runs.keys()].filter((i) => runs[i]!.judged !== null);
  const groups = groupBy(judged, (i) => {
    const lines = [...runs[i]!.judged!.answers].map(([key, { label }]) => `${key} ${label}`);
    return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
  });
  const best = (members: readonly number[]) => Math.max(...members.map((i) => accuracyOf(runs[i]!)));
  return [...groups.values()].sort((a, b) => b.length - a.length || best(b) - best(a));
}

/** The best first: by accuracy, then by loss. */
export function ranked(runs: readonly StudyRun[], members: Iterable<number>): number[] {
  const lossOf = ({ judged, run }: StudyRun) => judged?.metrics.loss ?? run.best?.loss ?? Number.POSITIVE_INFINITY;
  const worth = (i: number) => {
    const accuracy = accuracyOf(runs[i]!);
    return Number.isNaN(accuracy) ? -1 : accuracy;
  };
  return [...members].sort((a, b) => worth(b) - worth(a) || lossOf(runs[a]!) - lossOf(runs[b]!));
}

/** The best run, and the best of those that were trained another way; where all went one way, the second best. */
function bestPair(
  runs: readonly StudyRun[],
  { variants }: Differences,
  members: readonly number[],
  classes: readonly string[],
): BestPair {
  const [first, ...others] = ranked(runs, members);
  const repeats = variants.find(({ runs: own }) => own.includes(first!))!.runs;
  const second = others.find((i) => !repeats.includes(i)) ?? others[0];
  const [one, two] = [runs[first!]!.judged!, runs[second!]!.judged!];
  const only = (own: typeof one, other: typeof one) =>
    [...own.answers].flatMap(([key, answer]) => {
      const wrong = other.answers.get(key)!;
      return isRight(answer) && !isRight(wrong) ? [selected(wrong, classes)] : [];
    });
  const [onlyFirst, onlySecond] = [only(one, two), only(two, one)];
  const test = mcnemar(onlyFirst.length, onlySecond.length);
  const images = one.answers.size;
  const [low, high] = pairedInterval(test, images);
  return {
    first: first!,
    second: second!,
    images,
    mcnemar: test,
    difference: (onlyFirst.length - onlySecond.length) / images,
    interval: [-high, -low],
    onlyFirst: clearest(onlyFirst, mostOfPair),
    onlySecond: clearest(onlySecond, mostOfPair),
  };
}

const isRight = ({ label, predicted }: Answer) => label === predicted;

const clearest = (images: readonly SelectedImage[], most: number) =>
  images.toSorted((a, b) => b.loss - a.loss).slice(0, most);

/** An answer as the sheet of thumbnails takes it. */
function selected({ path, within, label, predicted, confidence, probability }: Answer, classes: readonly string[]) {
  return {
    path,
    ...(within && { within }),
    label: classes.indexOf(label),
    predicted: classes.indexOf(predicted),
    confidence,
    probability,
    loss: -Math.log(Math.max(probability, 1e-12)),
  } satisfies SelectedImage;
}

function missedBy(runs: readonly StudyRun[], classes: readonly string[]): MissedImage[] {
  const [first] = runs;
  const missed = [...first!.judged!.answers.keys()].flatMap((key): (MissedImage & { readonly loss: number })[] => {
    const all = runs.map(({ judged }) => judged!.answers.get(key)!);
    if (all.some(isRight)) return [];
    const counts = [...groupBy(all, ({ predicted }) => predicted)].map(([name, own]) => [name, own.length] as const);
    const answers = counts.sort(([, a], [, b]) => b - a);
    // The image as the surest of the most frequent answers sees it.
    const shown = all.filter(({ predicted }) => predicted === answers[0]![0]);
    const surest = shown.reduce((most, one) => (one.confidence > most.confidence ? one : most));
    const loss = all.reduce((sum, { probability }) => sum - Math.log(Math.max(probability, 1e-12)), 0) / all.length;
    return [{ image: selected(surest, classes), answers, loss }];
  });
  return missed.sort((a, b) => b.loss - a.loss).map(({ image, answers }) => ({ image, answers }));
}

/** The images that a page has room for. */
export function shownMissed(missed: readonly MissedImage[]): readonly MissedImage[] {
  return missed.slice(0, mostShown);
}

function shownImages(pair: BestPair | null, missed: readonly MissedImage[]): SelectedImage[] {
  return [...shownMissed(missed).map(({ image }) => image), ...(pair ? [...pair.onlyFirst, ...pair.onlySecond] : [])];
}

/** Thumbnails as a run sees the images. */
export async function drawnBy(
  { path }: StudyRun,
  images: readonly SelectedImage[],
  options: StudyOptions,
): Promise<Thumbnails> {
  if (images.length === 0) return new Map();
  const { signal, data: _, ...others } = opening(options);
  await using classifier = await openRun(path, others);
  return await drawThumbnails(classifier, images, {
    budget: thumbnailBudget,
    signal,
    onProgress: (done, total) => options.onProgress?.({ stage: 'drawing thumbnails', done, total }),
  });
}

/** The test part of the run that validation chose: measured once, and nothing is chosen by it. */
async function testOf({ path, run }: StudyRun, index: number, options: StudyOptions) {
  if (run.dataset.test === 0) return null;
  await using opened = await openRunWithImages(path, opening(options));
  const tested = await testPart(opened, options);
  return tested && { run: index, metrics: tested.metrics };
}
