import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { BatchNormPolicy, Noise, Variable } from '../nn/index.ts';
import type { ParameterSetting, Schedule } from '../optim/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';
import type { Source } from './source.ts';
import {
  averageName,
  evaluationStep,
  gatheringStep,
  type Network,
  type StepSetting,
  slotName,
  sumName,
  type TrainingStepOptions,
  trainingStep,
  variablesOf,
} from './step.ts';
import type { TrainingTask } from './trainer.ts';

/** A stretch of epochs, as far as who is trained at which rate. */
export interface StageRates {
  readonly epochs: number;
  /** By parameter of the whole network; null or absent: frozen. */
  readonly settings: ReadonlyMap<string, ParameterSetting | null>;
  /** By step since the last stage began that is fresh. */
  readonly schedule: Schedule;
  /** Begins its schedule and the optimizer's memory anew. */
  readonly isFresh: boolean;
}

/** A stretch of epochs in which the same parameters are trained, ready to be run. */
export interface Stage extends StageRates {
  readonly name: string;
  /** The whole network, or what lies behind the freeze boundary. */
  readonly network: Network;
  /** Trains on mixed pictures. Default false. */
  readonly mixes?: boolean;
  /** What its network is fed. `variables` is what the whole network has when the stage begins. */
  open(variables: Tensors): Promise<StageSources>;
}

export interface StageSources {
  readonly training: Source;
  readonly validation: Source;
  /** Frees what stands behind the sources. */
  close(): Promise<void>;
}

/** A stage that is under way. */
export interface OpenStage {
  readonly sources: StageSources;
  readonly programs: { readonly training: Program; readonly gathering: Program | null; readonly evaluation: Program };
  readonly noise: readonly Noise[];
  close(): Promise<void>;
}

/** Which of a task's stages the given epoch (from 0) belongs to. */
export function stageAt(stages: readonly { readonly epochs: number }[], epoch: number): number {
  const index = stages.findIndex((_, i) => epoch < epochsBefore(stages, i + 1));
  return index === -1 ? stages.length - 1 : index;
}

/** The epochs before a stage. */
export function epochsBefore(stages: readonly { readonly epochs: number }[], index: number): number {
  return stages.slice(0, index).reduce((sum, { epochs }) => sum + epochs, 0);
}

/** The stage, this one or before it, at which the schedule began. */
export function freshStage(stages: readonly StageRates[], index: number): number {
  return Math.max(
    0,
    stages.slice(0, index + 1).findLastIndex(({ isFresh }) => isFresh),
  );
}

/** The stage since which a parameter has been trained without a pause: its optimizer has counted steps since then. */
export function trainedSince(stages: readonly StageRates[], index: number, parameter: string): number {
  let since = index;
  while (!stages[since]!.isFresh && stages[since - 1]?.settings.get(parameter)) since--;
  return since;
}

/** The settings of a stage, in groups by when they began. */
export function stepSettings(stages: readonly StageRates[], index: number): Map<string, StepSetting | null> {
  const settings = [...stages[index]!.settings];
  return new Map(
    settings.map(([name, setting]) => [
      name,
      setting && { ...setting, group: groupName(trainedSince(stages, index, name)) },
    ]),
  );
}

/** What the parameters are called that began to be trained with a stage. */
export const groupName = (stage: number) => (stage === 0 ? '' : String(stage));

/** The groups that a stage trains, as the stages they began with. */
export function groupsOf(stages: readonly StageRates[], index: number): number[] {
  const trained = [...stages[index]!.settings].flatMap(([name, setting]) => (setting ? [name] : []));
  return [...new Set(trained.map((name) => trainedSince(stages, index, name)))];
}

/** When what is trained, of a run. */
export interface Timetable {
  readonly stages: readonly StageRates[];
  readonly stepsPerEpoch: number;
  /** Steps over which the learning rate of parameters rises that begin to be trained in the midst of a schedule. */
  readonly warmup: number;
}

/**
 * The learning rate in a step of the run (from 0) of the parameters that have been trained since stage `group`, before their own
 * factors. `losses` are the validation losses of the epochs before.
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

/**
 * What the state holds in a stage: the variables of this network and of those before it, and what the optimizer keeps for the
 * parameters that are trained. Values come from `now`, where they stand there and are not to begin anew.
 */
export function stageState(task: TrainingTask, index: number, now: Tensors): Record<string, Tensor> {
  const { stages, optimizer, initial, average, accumulate } = task;
  const variables = variablesUntil(stages, index);
  const state: Record<string, Tensor> = {};
  for (const name of variables.keys()) state[name] = now[name] ?? initial[name]!;
  for (const [name, setting] of stages[index]!.settings) {
    if (!setting || !variables.has(name)) continue;
    const empty = () => zeros('f32', variables.get(name)!.shape);
    const goesOn = trainedSince(stages, index, name) < index;
    for (const slot of optimizer.slots.map((key) => slotName(key, name))) {
      state[slot] = (goesOn ? now[slot] : undefined) ?? empty();
    }
    if (accumulate > 1) state[sumName(name)] = empty();
  }
  if (average === null) return state;
  for (const { name, dtype } of variables.values()) {
    if (dtype === 'f32') state[averageName(name)] = now[averageName(name)] ?? state[name]!;
  }
  return state;
}

/** The variables of the networks of a stage and those before it. */
function variablesUntil(stages: readonly Stage[], index: number): Map<string, Variable> {
  return new Map(stages.slice(0, index + 1).flatMap(({ network }) => [...variablesOf(network)]));
}

/** Compiles a stage's graphs and opens its sources. */
export async function openStage(
  task: TrainingTask,
  index: number,
  variables: Tensors,
  runtime: Runtime,
): Promise<OpenStage> {
  const { stages, batchSize, accumulate } = task;
  const { network, settings, mixes } = stages[index]!;
  const options: TrainingStepOptions = {
    ...task,
    batchSize,
    settings: stepSettings(stages, index),
    mixes,
    batchNorm: batchNormOf(settings, task.batchNorm),
    average: task.average !== null,
  };
  const sources = await stages[index]!.open(variables);
  const step = trainingStep(network, options);
  const gathering = accumulate > 1 ? gatheringStep(network, options) : null;
  const programs = {
    training: await runtime.compile(step.outputs),
    gathering: gathering && (await runtime.compile(gathering.outputs)),
    evaluation: await runtime.compile(evaluationStep(network, batchSize, 'running').outputs),
  };
  const close = async () => {
    for (const program of Object.values(programs)) await program?.release();
    await sources.close();
  };
  return { sources, programs, noise: step.noise, close };
}

/** Batch norm as asked for in layers that are trained; the others keep their statistics. */
function batchNormOf(settings: Stage['settings'], policy: BatchNormPolicy): (path: string) => BatchNormPolicy {
  const trained = new Set([...settings].flatMap(([name, setting]) => (setting ? [name.replace(/\.[^.]+$/, '')] : [])));
  return (path) => (trained.has(path) ? policy : 'frozen');
}
