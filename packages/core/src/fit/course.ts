import type { Tensors } from '../base/tensor.ts';
import type { Variable } from '../nn/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Runtime, State } from '../runtime/index.ts';
import type { Evaluation } from './events.ts';
import type { StageRates, Timetable } from './stage.ts';

/**
 * A run as the trainer sees it: stages of epochs, an epoch of steps and an evaluation. What a step does is its stage's
 * affair: a batch of images in ordinary training, a batch of tasks in meta-learning.
 */
export interface Course extends Timetable {
  readonly stages: readonly CourseStage[];
  /** First values of all that is kept and evaluated. */
  readonly initial: Tensors;
  readonly optimizer: Optimizer;
  /** What is counted as right or wrong in a step. */
  readonly examplesPerStep: number;
  /** Batches that make one step, with sums of gradients in the state where they are more than one. */
  readonly accumulate: number;
  /** The decay of moving averages, which are then what is evaluated and kept. */
  readonly average: number | null;
  /** Epochs without a better one after which the last stage ends. */
  readonly patience: number | null;
}

/** A stretch of epochs in which the same is done. */
export interface CourseStage extends StageRates {
  readonly name: string;
  /** What the state holds of the course's variables. */
  readonly variables: ReadonlyMap<string, Pick<Variable, 'name' | 'dtype' | 'shape'>>;
  /** Compiles what is needed. `variables` is what the course has when the stage begins. */
  open(variables: Tensors, runtime: Runtime): Promise<OpenStage>;
}

/** A stage that is under way. */
export interface OpenStage {
  /** The steps of an epoch (from 1), from `step` (from 0) on. Each is taken before the next is asked for. */
  steps(epoch: number, step: number): AsyncIterable<Step>;
  /** Null where the signal came first. */
  evaluate(variables: Tensors, signal?: AbortSignal): Promise<Evaluation | null>;
  close(): Promise<void>;
}

/** A step, ready to be taken. `scalars` are what the optimizer is told of it. */
export type Step = (state: State, scalars: Tensors) => Promise<StepOutcome>;

export interface StepOutcome {
  /** Mean, before the step. */
  readonly loss: number;
  /** How many examples were right. */
  readonly correct: number;
  /** The training images behind a loss that is not a number, where they are known. */
  readonly images?: readonly number[];
}
