import { basename } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import { type EvaluationMetrics, startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { type CountedPair, confusedPairs } from '@graft-ml/core/internal/evaluate/interpretation';
import type { EvaluatedImage } from '../../evaluate/evaluation-file.ts';
import { type FoldSummary, summariseFolds } from '../../experiment/fold-summary.ts';
import { ImageSelection, type SelectedImage } from '../selection.ts';
import type { Thumbnails } from '../thumbnails.ts';
import type { StudyOptions } from './options.ts';
import { drawnBy, judging } from './run-study.ts';
import { type StudyRun, studyRun } from './study-run.ts';
import { warningsOf } from './warnings.ts';

/** The runs of a cross-validation, each on the images that it did not learn from. */
export interface FoldStudy {
  /** The number of folds that there are to be. */
  readonly of: number;
  /** Those that are there. */
  readonly runs: readonly StudyRun[];
  /** The mean over folds with its interval; null with fewer than two that have an epoch. */
  readonly summary: FoldSummary | null;
  /** All images out of fold; null where none could be read. */
  readonly pooled: PooledFolds | null;
  readonly warnings: readonly string[];
}

/** The images of all folds, each counted once: as the run sees it that did not learn from it. */
export interface PooledFolds {
  readonly metrics: EvaluationMetrics;
  readonly pairs: readonly CountedPair[];
  readonly selection: ImageSelection;
  /** Wrong answers, the largest loss first. */
  readonly losses: readonly SelectedImage[];
  readonly thumbnails: Thumbnails;
}

const mostLosses = 24;

/** Evaluates each fold on its own images, and puts them together. @throws UserError where a run cannot be read */
export async function gatherFolds(
  { runs: paths, of }: { readonly runs: readonly string[]; readonly of: number },
  options: StudyOptions,
): Promise<FoldStudy> {
  const runs: StudyRun[] = [];
  const pool = new Pool();
  for (const path of paths) {
    const own: EvaluatedImage[] = [];
    const stage = `evaluating fold ${runs.length + 1} of ${of}`;
    const onAnswer = own.push.bind(own);
    const run = await studyRun(path, basename(path).replace('-', ' '), { ...judging(options, stage), onAnswer });
    runs.push(run);
    // One that failed half-way counts for nothing.
    if (run.judged) pool.add(run, own);
  }
  return {
    of,
    runs,
    summary: summaryOf(runs),
    pooled: await pool.value(runs, options),
    warnings: [...missing(runs, of), ...warningsOf(runs, [])],
  };
}

/** Adds up the images of folds. */
class Pool {
  readonly #selection = new ImageSelection();
  #classes: readonly string[] = [];
  #evaluation: ReturnType<typeof startEvaluation> | null = null;

  add({ run: { classes } }: StudyRun, images: readonly EvaluatedImage[]): void {
    if (this.#evaluation === null) [this.#classes, this.#evaluation] = [classes, startEvaluation(classes)];
    // A run that was put in the place of a fold may have other classes.
    if (classes.join('\n') !== this.#classes.join('\n')) return;
    for (const image of images) {
      this.#evaluation.add(image.label, image.probabilities);
      this.#selection.add(image);
    }
  }

  async value(runs: readonly StudyRun[], options: StudyOptions): Promise<PooledFolds | null> {
    const drawing = runs.find(({ judged }) => judged !== null);
    if (this.#evaluation === null || !drawing) return null;
    const metrics = this.#evaluation.value();
    const [wrong, right] = [this.#selection.wrong(), this.#selection.right(this.#classes.length)];
    return {
      metrics,
      pairs: confusedPairs(metrics.confusion),
      selection: this.#selection,
      losses: wrong.slice(0, mostLosses),
      thumbnails: await drawnBy(drawing, [...wrong, ...right], options),
    };
  }
}

function summaryOf(runs: readonly StudyRun[]): FoldSummary | null {
  const folds = runs.flatMap(({ path, run, judged }, i) => {
    const { best, dataset, config } = run;
    if (best === null) return [];
    const { accuracy, loss } = judged?.metrics ?? best;
    return [
      {
        fold: config.fold?.index ?? i + 1,
        out: path,
        validation: dataset.validation,
        accuracy,
        loss,
        epoch: best.epoch,
      },
    ];
  });
  return folds.length > 1 ? summariseFolds(folds) : null;
}

function missing(runs: readonly StudyRun[], of: number): string[] {
  if (runs.length === of) return [];
  return [
    `${plural(of - runs.length, 'fold is', 'folds are')} missing: the images of ${of - runs.length === 1 ? 'it' : 'them'} are not counted here.`,
  ];
}
