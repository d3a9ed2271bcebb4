import { join } from 'node:path';
import { wilsonInterval } from '@graft-ml/core/evaluate';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import { type LoggedEpoch, loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { reportFile } from '@graft-ml/core/internal/runs/run-files';
import { readMetaRun } from '../../meta/read-meta-run.ts';
import { kindOfRun, readRun } from '../../runs/read-run.ts';
import { type OpenRunStore, openRunStore } from '../../runs/run-store.ts';
import { diagnose, type FitDiagnosis } from '../course.ts';
import { accuracyOf, cumulated, type StudyRun } from '../study/study-run.ts';

/** An accuracy with its 95 % interval, and what it is of. */
export interface SummarisedAccuracy {
  readonly accuracy: number;
  /** Null where nobody says over how many images or episodes it was taken. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** A run among others, as it recorded itself: no image is opened for it. */
export interface SummarisedRun {
  readonly path: string;
  /** Tells it from the others. */
  readonly name: string;
  /** `pruned`: the pruner of a study ended it. `failed`: it ended with an error. */
  readonly status: 'running' | 'interrupted' | 'done' | 'pruned' | 'failed';
  readonly run: Run | MetaRun;
  readonly epochs: readonly LoggedEpoch[];
  /** Seconds up to the end of each logged epoch; NaN where they were not logged. */
  readonly seconds: readonly number[];
  /** Of its best epoch, on validation images or episodes; null before the first. */
  readonly validation: (SummarisedAccuracy & { readonly loss: number; readonly epoch: number }) | null;
  /** On images or episodes of a test part; null where it was not measured. */
  readonly test: SummarisedAccuracy | null;
  /** Floating-point operations of a step in its last stage, and of all training; null where nobody counted them. */
  readonly flops: { readonly perStep: number; readonly training: number } | null;
  readonly fit: FitDiagnosis;
  /** Whether it has a report of its own beside it. */
  readonly hasReport: boolean;
}

/** Reads what a run recorded. @throws UserError where it cannot be read */
export async function summarisedRun(
  path: string,
  name: string,
  openStore: OpenRunStore = openRunStore,
): Promise<SummarisedRun> {
  const store = openStore(path);
  const run =
    (await kindOfRun(path, openStore)) === 'meta' ? await readMetaRun(path, openStore) : await readRun(path, openStore);
  const epochs = await loggedEpochs(openStore(path));
  const images = run.kind === 'train' ? run.dataset.validation : 0;
  return {
    ...{ path, name, status: run.status, run, epochs },
    seconds: cumulated(epochs.map(({ seconds }) => seconds)),
    validation: run.best && { ...run.best, interval: intervalOf(run.best.accuracy, images) },
    test: null,
    flops: null,
    fit: diagnose(epochs),
    hasReport: (await store.names()).includes(reportFile),
  };
}

/** The same of a run that was evaluated. */
export function summarisedStudyRun(study: StudyRun): SummarisedRun {
  const { path, name, run, epochs, seconds, fit, judged, work, flops } = study;
  const training = flops.at(-1) ?? Number.NaN;
  const accuracy = accuracyOf(study);
  const epoch = run.best?.epoch ?? 0;
  const loss = judged?.metrics.loss ?? run.best?.loss ?? Number.NaN;
  const interval = judged?.metrics.interval ?? intervalOf(accuracy, run.dataset.validation);
  return {
    ...{ path, name, status: run.status, run, epochs, seconds, fit },
    validation: Number.isFinite(accuracy) ? { accuracy, loss, epoch, interval } : null,
    test: null,
    flops: work && Number.isFinite(training) ? { perStep: work.at(-1)!.flopsPerStep, training } : null,
    hasReport: false,
  };
}

function intervalOf(accuracy: number, images: number): SummarisedAccuracy['interval'] {
  return images > 0 ? wilsonInterval(Math.round(accuracy * images), images) : null;
}

/** The report of a run, from a page in a folder above it; null where it has none there. */
export function reportBeside({ path, hasReport }: SummarisedRun, folder: string | null): string | null {
  if (!hasReport || folder === null || !path.startsWith(folder)) return null;
  const within = join(path, reportFile).slice(folder.length).split(/[\\/]/).filter(Boolean);
  return within.map(encodeURIComponent).join('/');
}
