import type { Choices } from '@graft-ml/core/runtime';
import { availableCores } from '../files/own-process.ts';
import { inspectMachine, type Machine, type Renewed, renewChoices } from '../runtime/index.ts';
import { readRun } from './read-run.ts';

export interface MachineReportOptions {
  /** A run, whose choices alone are reported and renewed. */
  readonly run?: string | undefined;
  /** Times the kernels again that were measured here, or that the run uses. */
  readonly renew?: boolean;
  /** Threads inside one operator; null: all cores. */
  readonly threads?: number | null;
  /** Called after each kernel that was timed. */
  readonly onTuning?: ((done: number, total: number) => void) | undefined;
}

/** A machine as Graft sees it, and the kernels that it uses there. */
export interface MachineReport {
  readonly machine: Machine;
  /** The run, and the choices that it was made with. */
  readonly run: { readonly folder: string; readonly choices: Choices } | null;
  /** Null where nothing was to be timed again. */
  readonly renewed: Renewed | null;
}

/**
 * Describes this machine and its kernels, and times them again where that is asked for. @throws UserError where there
 * is no such run
 */
export async function machineReport(options: MachineReportOptions = {}): Promise<MachineReport> {
  const { run: folder, renew = false, threads, onTuning } = options;
  const run = folder === undefined ? null : { folder, choices: (await readRun(folder)).choices };
  const own = { threads: threads ?? availableCores(), ...(run && { keys: Object.keys(run.choices) }) };
  const before = await inspectMachine(own);
  const measured = before.choices.filter(({ from }) => from === 'measured').map(({ key }) => key);
  const keys = run ? Object.keys(run.choices) : measured;
  const renewed = renew
    ? await renewChoices(keys, { ...own, onTuning: ({ done, total }) => onTuning?.(done, total) })
    : null;
  const { choices, ...machine } = renewed ? await inspectMachine(own) : before;
  return { machine: { ...machine, choices: choices.filter(({ key }) => !run || key in run.choices) }, run, renewed };
}
