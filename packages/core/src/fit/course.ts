import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { Variable } from '../nn/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Runtime, State } from '../runtime/index.ts';
import type { Criterion } from './evaluation.ts';
import type { Evaluation } from './events.ts';
import { type Stage, type Timetable, trainedSince } from './stage.ts';
import { averageName, slotName, sumName } from './step.ts';

/**
 * A run as the trainer sees it: stages of epochs, an epoch of steps and an evaluation. What a step does is its stage's
 * affair: a batch of images in ordinary training, a batch of tasks in meta-learning. `M` are the names of its metrics.
 */
export interface Course<M extends string = 'accuracy'> extends Timetable {
  readonly stages: readonly CourseStage<M>[];
  /** First values of all that is kept and evaluated. */
  readonly initial: Tensors;
  readonly optimizer: Optimizer;
  /** Batches that make one step, with sums of gradients in the state where they are more than one. */
  readonly accumulate: number;
  /** The decay of moving averages, which are then what is evaluated and kept. */
  readonly average: number | null;
  /** The examples that are measured in a step. */
  readonly examplesPerStep: number;
  /** The metrics that are measured besides the loss. */
  readonly metrics: readonly { readonly name: M }[];
  /** The criterion by which an epoch is the best so far. */
  readonly criterion: Criterion<M>;
  /** Epochs without a better one after which the last stage ends. */
  readonly patience: number | null;
}

/** A stage of a course: with its variables and its steps. */
export interface CourseStage<M extends string = 'accuracy'> extends Stage {
  /** The course's variables in the state. */
  readonly variables: ReadonlyMap<string, Pick<Variable, 'name' | 'dtype' | 'shape'>>;
  /** Compiles what is needed. `variables` is what the course has when the stage begins. */
  open(variables: Tensors, runtime: Runtime): Promise<OpenStage<M>>;
}

/** A stage that is under way. */
export interface OpenStage<M extends string = 'accuracy'> {
  /** The steps of an epoch (from 1), from `step` (from 0) on. Each is taken before the next is asked for. */
  steps(epoch: number, step: number): AsyncIterable<Step<M>>;
  /** Null where the signal came first. */
  evaluate(variables: Tensors, signal?: AbortSignal): Promise<Evaluation<M> | null>;
  close(): Promise<void>;
}

/** A step, ready to be taken. `scalars` are what the optimizer is told of it. */
export type Step<M extends string = 'accuracy'> = (state: State, scalars: Tensors) => Promise<StepOutcome<M>>;

export interface StepOutcome<M extends string = 'accuracy'> {
  /** Mean, before the step. */
  readonly loss: number;
  /** The sum of each metric over the step's examples: for accuracy, the number of correct predictions. */
  readonly sums: Readonly<Record<M, number>>;
  /** The training images behind a loss that is not a number, where they are known. */
  readonly images?: readonly number[];
}

/**
 * The state in a stage: its variables and those of the stages before it, and the optimizer's slots for the parameters
 * that are trained. Values come from `now`, where they exist there and do not begin anew.
 */
export function stageState<M extends string>(
  { stages, optimizer, initial, average, accumulate }: Course<M>,
  index: number,
  now: Tensors,
): Record<string, Tensor> {
  const variables = new Map(stages.slice(0, index + 1).flatMap((stage) => [...stage.variables]));
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
