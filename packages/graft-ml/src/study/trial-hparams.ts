import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Parameters } from '@graft-ml/core/internal/study/study';
import { exists } from '../files/read.ts';
import type { Executor } from '../jobs/executor.ts';
import { openRunStore } from '../runs/run-store.ts';
import type { StudyDefinition } from './definition.ts';

/** A trial that has ended, with its runs. */
interface EndedTrial {
  readonly number: number;
  readonly parameters: Parameters;
  /** The time that its runs took, one after the other. */
  readonly seconds: number;
  readonly runs: readonly { readonly name: string }[];
}

/**
 * Writes the varied options into the runs of a trial for TensorBoard's HParams, where they log to TensorBoard. Runs that
 * differ in their seed are one trial there.
 */
export async function writeTrialHparams(study: StudyDefinition, trial: EndedTrial, executor: Executor): Promise<void> {
  const { log } = study.options;
  if (!Array.isArray(log) || !log.includes('tensorboard')) return;
  const { writeHparams } = await import('@graft-ml/core/internal/fit/loggers/hparams');
  const ended = new Date();
  const seconds = trial.seconds / trial.runs.length;
  for (const { name } of trial.runs) {
    const folder = await folderOf(name, executor);
    if (folder === null) continue;
    await writeHparams(openRunStore(folder), {
      options: study.space,
      parameters: trial.parameters,
      metrics: ['accuracy/validation', 'loss/validation'],
      group: `trial-${String(trial.number).padStart(4, '0')}`,
      started: new Date(ended.getTime() - 1000 * seconds),
      ended,
      succeeded: true,
    });
  }
}

/** Null where a run has left none: it was cancelled before its first checkpoint. */
async function folderOf(run: string, executor: Executor): Promise<string | null> {
  try {
    const folder = await executor.folder(run);
    return (await exists(folder)) ? folder : null;
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}
