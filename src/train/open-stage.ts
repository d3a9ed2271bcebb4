import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { BatchNormPolicy, Noise, Variable } from '../nn/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';
import { type Stage, type StageSources, stepSettings, trainedSince } from './stage.ts';
import {
  averageName,
  evaluationStep,
  gatheringStep,
  slotName,
  sumName,
  type TrainingStepOptions,
  trainingStep,
  variablesOf,
} from './step.ts';
import type { TrainingTask } from './task.ts';

/** A stage that is under way. */
export interface OpenStage {
  readonly sources: StageSources;
  readonly programs: { readonly training: Program; readonly gathering: Program | null; readonly evaluation: Program };
  readonly noise: readonly Noise[];
  close(): Promise<void>;
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
