import type { ParameterSetting, Schedule } from '../optim/index.ts';
import type { StepSetting } from './step.ts';

/** A stretch of epochs in which the same parameters are trained at the same rates. */
export interface Stage {
  /** The name of the trained parameters, in a word or two. */
  readonly name: string;
  readonly epochs: number;
  /** The setting of each parameter of the whole network; null or absent: frozen. */
  readonly settings: ReadonlyMap<string, ParameterSetting | null>;
  /** The learning rate by step since the last fresh stage began. */
  readonly schedule: Schedule;
  /** Begins its schedule and the optimizer's memory anew. */
  readonly isFresh: boolean;
}

/** The index of the stage to which the given epoch (from 0) belongs. */
export function stageAt(stages: readonly { readonly epochs: number }[], epoch: number): number {
  const index = stages.findIndex((_, i) => epoch < epochsBefore(stages, i + 1));
  return index === -1 ? stages.length - 1 : index;
}

/** The epochs before a stage. */
export function epochsBefore(stages: readonly { readonly epochs: number }[], index: number): number {
  return stages.slice(0, index).reduce((sum, { epochs }) => sum + epochs, 0);
}

/** The stage, this one or before it, at which the schedule began. */
export function freshStage(stages: readonly Pick<Stage, 'isFresh'>[], index: number): number {
  return Math.max(
    0,
    stages.slice(0, index + 1).findLastIndex(({ isFresh }) => isFresh),
  );
}

/** The stage since which a parameter has been trained without a pause: its optimizer has counted steps since then. */
export function trainedSince(stages: readonly Stage[], index: number, parameter: string): number {
  let since = index;
  while (!stages[since]!.isFresh && stages[since - 1]?.settings.get(parameter)) since--;
  return since;
}

/** The settings of a stage, in groups by when they began. */
export function stepSettings(stages: readonly Stage[], index: number): Map<string, StepSetting | null> {
  const settings = [...stages[index]!.settings];
  return new Map(
    settings.map(([name, setting]) => [
      name,
      setting && { ...setting, group: groupName(trainedSince(stages, index, name)) },
    ]),
  );
}

/** The name of the group of parameters that began to be trained with a stage. */
export const groupName = (stage: number) => (stage === 0 ? '' : String(stage));

/** The groups that a stage trains, as the stages they began with. */
export function groupsOf(stages: readonly Stage[], index: number): number[] {
  const trained = [...stages[index]!.settings].flatMap(([name, setting]) => (setting ? [name] : []));
  return [...new Set(trained.map((name) => trainedSince(stages, index, name)))];
}

/** The timetable of a run: which parameters are trained at which rate in which steps. */
export interface Timetable {
  readonly stages: readonly Stage[];
  readonly stepsPerEpoch: number;
  /** Steps over which the learning rate of parameters rises that begin to be trained in the midst of a schedule. */
  readonly warmup: number;
}

/**
 * The learning rate in a step of the run (from 0) of the parameters that have been trained since stage `group`, before
 * their own factors. `losses` are the validation losses of the epochs before.
 */
export function learningRateAt(
  { stages, stepsPerEpoch, warmup }: Timetable,
  group: number,
  step: number,
  losses: readonly number[],
): number {
  const index = stageAt(stages, Math.floor(step / stepsPerEpoch));
  const fresh = freshStage(stages, index);
  const origin = epochsBefore(stages, fresh);
  const taken = step - epochsBefore(stages, group) * stepsPerEpoch;
  const rise = group === fresh || warmup === 0 ? 1 : Math.min(1, (taken + 1) / warmup);
  return rise * stages[index]!.schedule(step - origin * stepsPerEpoch, losses.slice(origin));
}
