import { UserError } from '@graft-ml/core/internal/base/errors';
import { flopsByEpoch, type StageWork } from '@graft-ml/core/internal/recipe/training-work';
import { type LoggedEpoch, loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { readRun } from '../../runs/read-run.ts';
import { openRunStore } from '../../runs/run-store.ts';
import { runWork } from '../../transfer/run-work.ts';
import { diagnose, type FitDiagnosis } from '../course.ts';
import { type Judged, type JudgeOptions, judge } from './judged.ts';

/** One of the runs of a study. */
export interface StudyRun {
  readonly path: string;
  /** Tells it from the others. */
  readonly name: string;
  readonly run: Run;
  readonly epochs: readonly LoggedEpoch[];
  readonly fit: FitDiagnosis;
  /** The operations of its training by stage; null where they are not known. */
  readonly work: readonly StageWork[] | null;
  /** Seconds, and floating-point operations of training, up to the end of each logged epoch; NaN where not known. */
  readonly seconds: readonly number[];
  readonly flops: readonly number[];
  /** On the images that it may be chosen by; null where it has none, or they cannot be read. */
  readonly judged: Judged | null;
  /** Why it was not evaluated; null where it was, or has no images for that. */
  readonly problem: string | null;
}

/** Reads a run, and evaluates it where its images can be read. @throws UserError where the run itself cannot be read */
export async function studyRun(path: string, name: string, options: JudgeOptions): Promise<StudyRun> {
  const { openStore = openRunStore } = options;
  const run = await readRun(path, openStore);
  const epochs = await loggedEpochs(openStore(path));
  const work = await runWork(path, run, openStore);
  const byEpoch = work && flopsByEpoch(work);
  const facts = {
    ...{ path, name, run, epochs, fit: diagnose(epochs), work },
    seconds: cumulated(epochs.map(({ seconds }) => seconds)),
    // Epochs that the run was given later are like its last.
    flops: cumulated(epochs.map(({ epoch }) => byEpoch?.[epoch - 1] ?? byEpoch?.at(-1) ?? Number.NaN)),
  };
  try {
    return { ...facts, judged: await judge(path, options), problem: null };
  } catch (error) {
    if (error instanceof UserError) return { ...facts, judged: null, problem: error.message };
    throw error;
  }
}

/** Sums up to each value. */
export function cumulated(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => (sum += value));
}

/** The accuracy on the images that a run may be chosen by: as evaluated, or else as it recorded. */
export function accuracyOf({ judged, run }: Pick<StudyRun, 'judged' | 'run'>): number {
  return judged?.metrics.accuracy ?? run.best?.accuracy ?? Number.NaN;
}
