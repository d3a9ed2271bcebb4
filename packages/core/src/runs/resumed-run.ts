import { call, option } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { plural } from '../base/plural.ts';
import type { CheckpointName } from '../fit/checkpoint-files.ts';
import { continuationOf } from '../recipe/auto.ts';
import { describeLonger, epochsOfPlan, lengthened } from '../recipe/longer.ts';
import { planOf } from '../recipe/plan.ts';
import type { Last } from './checkpoints.ts';
import type { Prepared } from './prepared.ts';
import type { Run } from './run-file.ts';

/** The error for resuming a run that has had all its epochs. */
export function completeError(out: string, had: number): UserError {
  return new UserError(
    `${out} is complete: it has had its ${plural(had, 'epoch')}. ` +
      `${call('resumeTraining', [out], { epochs: 2 * had })} trains it longer.`,
  );
}

/** The change of a run that goes on from its best epoch, with a new optimizer state. */
export const fromBest = 'resumed from best.safetensors, with a new optimizer state';

/** The run with what is changed of it when it is resumed. @throws UserError where it cannot be trained for longer */
export function changed(
  out: string,
  run: Run,
  begunWith: number,
  { from, epochs, at }: { from: CheckpointName; epochs: number | undefined; at: number },
): Run {
  const changes = [...run.changes];
  if (from === 'best') changes.push({ epoch: at, change: fromBest });
  if (epochs === undefined) return { ...run, changes };
  const had = begunWith + run.addedEpochs;
  if (run.status !== 'done') {
    const problem =
      `: ${out} is not complete yet. Resume it as it is; when it has had its ${plural(had, 'epoch')}, it can be ` +
      'given more.';
    throw new OptionError({
      option: 'epochs',
      expected: 'nothing for a run that is not complete',
      received: epochs,
      problem,
    });
  }
  if (epochs <= had)
    throw new OptionError({
      option: 'epochs',
      expected: `more than ${had}`,
      received: epochs,
      problem: ` ${epochs}: ${out} has had ${plural(had, 'epoch')} already. Give more.`,
    });
  changes.push({ epoch: at, change: `${had} epochs became ${epochs}` });
  return { ...run, status: 'running', addedEpochs: epochs - begunWith, changes };
}

/**
 * Notes on a run that is given more epochs. @throws UserError where they would never come, since it ended before it had
 * those it was given at first
 */
export function notesOnLength(
  { phase, isFresh }: Last,
  run: Run,
  { config, model, folder }: Pick<Prepared, 'config' | 'model' | 'folder'>,
): string[] {
  if (run.addedEpochs === 0) return [];
  const plan = planOf(config, model.table, run.decision ? continuationOf(run.decision) : null);
  const after = lengthened(plan, run.addedEpochs);
  if (phase.epoch > epochsOfPlan(plan)) return []; // it was given them before, and is under way with them
  if (phase.epoch < epochsOfPlan(plan) && !isFresh) {
    const end = `after epoch ${phase.epoch} of ${epochsOfPlan(plan)}, when its patience of ${config.patience} epochs was over`;
    throw new OptionError({
      option: 'epochs',
      expected: 'nothing for a run that stopped early',
      received: epochsOfPlan(after),
      problem:
        `: the run stopped early, ${end}; it would stop again. Begin a new one with ${option('weights')} set to ` +
        'this run’s folder.',
    });
  }
  return [describeLonger(config, { before: plan, after }, folder.train.length)];
}
