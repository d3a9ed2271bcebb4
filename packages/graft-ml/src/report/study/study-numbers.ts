import type { EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import type { EpisodeInterval } from '@graft-ml/core/internal/meta/statistics';
import type { Part } from '../../evaluate/evaluation-images.ts';
import type { FoldSummary } from '../../experiment/fold-summary.ts';
import type { FitDiagnosis } from '../course.ts';
import type { FoldStudy } from './folds-study.ts';
import type { MetaStudy } from './meta-study.ts';
import type { RunStudy } from './run-study.ts';
import { mean } from './study-charts.ts';
import { accuracyOf, type StudyRun } from './study-run.ts';

/** An accuracy over images, with the part that they are of. */
export interface PartAccuracy {
  readonly part: Part;
  readonly images: number;
  readonly accuracy: number;
  /** 95 % (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
}

/** The numbers of one run in a report of several. */
export interface ComparedRunNumbers {
  readonly name: string;
  readonly run: string;
  readonly status: 'running' | 'interrupted' | 'done';
  /** Its options that other runs have otherwise, as text; null where one does not apply. */
  readonly options: Readonly<Record<string, string | null>>;
  /** On the images that it may be chosen by; null where these were not evaluated. */
  readonly evaluated: PartAccuracy | null;
  /** The same as the run recorded it when it was trained; null before its first epoch. */
  readonly recorded: { readonly accuracy: number; readonly loss: number; readonly epoch: number } | null;
  readonly epochs: number;
  readonly parameters: { readonly total: number; readonly trained: number };
  /** Floating-point operations of a step in its last stage, and of all its training; null where they are not known. */
  readonly flops: { readonly perStep: number; readonly training: number } | null;
  /** Seconds of its epochs; null where they were not logged. */
  readonly seconds: number | null;
  readonly fit: FitDiagnosis['verdict'];
}

/** A way of training that was gone once, or with several seeds; ways of which no run has an epoch are left out. */
export interface WayNumbers {
  readonly name: string;
  readonly runs: readonly string[];
  /** Of the validation accuracies of its runs. */
  readonly mean: number;
  readonly lowest: number;
  readonly highest: number;
}

/** The numbers of a report of several training runs. */
export interface RunNumbers {
  readonly kind: 'runs';
  readonly runs: readonly ComparedRunNumbers[];
  readonly ways: readonly WayNumbers[];
  /**
   * The best run, and the best of those that were trained another way, on the same images; null where there are no two.
   */
  readonly best: {
    readonly first: string;
    readonly second: string;
    readonly images: number;
    readonly onlyFirst: number;
    readonly onlySecond: number;
    /** McNemar's exact test, two-sided. */
    readonly pValue: number;
    /** The first's accuracy minus the second's, with its 95 % interval. */
    readonly difference: number;
    readonly interval: readonly [low: number, high: number];
  } | null;
  /** The run that validation chose, on its test part; null where it has none. */
  readonly test: (PartAccuracy & { readonly name: string }) | null;
  /** The images that all runs with the same validation images get wrong. */
  readonly wrongInAll: readonly string[];
  readonly warnings: readonly string[];
}

/** The numbers of a report of a cross-validation. */
export interface FoldNumbers {
  readonly kind: 'folds';
  readonly of: number;
  readonly runs: readonly ComparedRunNumbers[];
  /** Null with fewer than two folds. */
  readonly summary: FoldSummary | null;
  /** All images out of fold, each counted once; null where they could not be read. */
  readonly outOfFold: (PartAccuracy & { readonly confusion: readonly (readonly number[])[] }) | null;
  readonly warnings: readonly string[];
}

/** The numbers of a report of several runs of meta-learning. */
export interface MetaNumbers {
  readonly kind: 'meta';
  readonly shape: EpisodeShape;
  /** Episodes of test classes. */
  readonly episodes: number;
  readonly runs: readonly {
    readonly name: string;
    readonly run: string;
    readonly learner: string;
    readonly model: string;
    readonly parameters: number;
    /** On episodes of test classes. */
    readonly test: EpisodeInterval;
    /** The best on episodes of validation classes. */
    readonly validation: number;
    readonly flopsPerStep: number | null;
    readonly seconds: number;
  }[];
  readonly warnings: readonly string[];
}

export function runNumbers({ runs, differences, pair, test, missed, warnings }: RunStudy): RunNumbers {
  const { options, values, variants } = differences;
  const nameOf = (i: number) => runs[i]!.name;
  return {
    kind: 'runs',
    runs: runs.map((run, i) => ofRun(run, Object.fromEntries(options.map((key, j) => [key, values[i]![j]!])))),
    ways: variants.flatMap(({ name, runs: own }) => {
      const accuracies = own.map((i) => accuracyOf(runs[i]!)).filter(Number.isFinite);
      if (accuracies.length === 0) return [];
      const [lowest, highest] = [Math.min(...accuracies), Math.max(...accuracies)];
      return [{ name, runs: own.map(nameOf), mean: mean(accuracies), lowest, highest }];
    }),
    best: pair && {
      ...{ first: nameOf(pair.first), second: nameOf(pair.second), images: pair.images, ...pair.mcnemar },
      ...{ difference: pair.difference, interval: pair.interval },
    },
    test: test && { name: nameOf(test.run), ...accuracy('test', test.metrics) },
    wrongInAll: missed.map(({ image }) => image.path),
    warnings,
  };
}

export function foldNumbers({ of, runs, summary, pooled, warnings }: FoldStudy): FoldNumbers {
  return {
    kind: 'folds',
    of,
    runs: runs.map((run) => ofRun(run, {})),
    summary,
    outOfFold: pooled && { ...accuracy('validation', pooled.metrics), confusion: pooled.metrics.confusion },
    warnings,
  };
}

export function metaNumbers({ shape, episodes, learners, warnings }: MetaStudy): MetaNumbers {
  return {
    kind: 'meta',
    shape,
    episodes,
    runs: learners.map(
      ({ path, flopsPerStep, row: { name, learner, model, parameters, accuracy: test, validation, seconds } }) => ({
        ...{ name, run: path, learner, model, parameters, test, validation, flopsPerStep, seconds },
      }),
    ),
    warnings,
  };
}

function ofRun(study: StudyRun, options: ComparedRunNumbers['options']): ComparedRunNumbers {
  const { name, path, run, judged, epochs, work, flops, seconds, fit } = study;
  const [training, total] = [flops.at(-1) ?? Number.NaN, seconds.at(-1) ?? Number.NaN];
  return {
    name,
    run: path,
    status: run.status,
    options,
    evaluated: judged && accuracy(judged.part, judged.metrics),
    recorded: run.best && { accuracy: run.best.accuracy, loss: run.best.loss, epoch: run.best.epoch },
    epochs: epochs.length,
    parameters: { total: run.parameters.total, trained: run.parameters.trained },
    flops: work && Number.isFinite(training) ? { perStep: work.at(-1)!.flopsPerStep, training } : null,
    seconds: Number.isFinite(total) ? total : null,
    fit: fit.verdict,
  };
}

function accuracy(
  part: Part,
  { images, accuracy: share, interval }: { images: number; accuracy: number; interval: PartAccuracy['interval'] },
): PartAccuracy {
  return { part, images, accuracy: share, interval };
}
