/**
 * An event of a training run. Progress bar, log and early stopping are all readers of these. `M` are the names of its
 * metrics: an evaluation has a number under each.
 */
export type TrainEvent<M extends string = 'accuracy'> =
  | { readonly kind: 'start'; readonly epochs: number; readonly stepsPerEpoch: number; readonly resumedAt: number }
  | StageEvent
  | StepEvent
  | EvaluationEvent<M>
  | { readonly kind: 'interrupted'; readonly epoch: number; readonly step: number }
  | EndEvent<M>;

/** From this event on, other parameters are trained. */
export interface StageEvent {
  readonly kind: 'stage';
  readonly name: string;
  /** Its first, from 1. */
  readonly epoch: number;
  readonly epochs: number;
}

export interface EndEvent<M extends string = 'accuracy'> {
  readonly kind: 'end';
  readonly best: Best<M>;
  /** The patience was over before the epochs were. */
  readonly isEarly: boolean;
}

/** One step was taken. */
export interface StepEvent {
  readonly kind: 'step';
  /** The epoch, from 1. */
  readonly epoch: number;
  /** Within the epoch, from 1. */
  readonly step: number;
  readonly steps: number;
  /** The batch's loss, before the step. */
  readonly loss: number;
  readonly learningRate: number;
}

/**
 * The mean loss, and each metric under its name: of a classifier its `accuracy`, the share of correct answers in [0,
 * 1].
 */
export type Evaluation<M extends string = 'accuracy'> = { readonly loss: number } & { readonly [metric in M]: number };

/** The best epoch so far, from 1. */
export type Best<M extends string = 'accuracy'> = Evaluation<M> & { readonly epoch: number };

/** An epoch ended. */
export type EvaluationEvent<M extends string = 'accuracy'> = Evaluation<M> & EpochFacts<M>;

/** The facts about an epoch besides its evaluation. */
export interface EpochFacts<M extends string = 'accuracy'> {
  readonly kind: 'evaluation';
  /** The name of the stage. */
  readonly stage: string;
  readonly epoch: number;
  /** Steps since the start of the run. */
  readonly step: number;
  /** Means over the epoch's steps, each measured before the step. */
  readonly training: Evaluation<M>;
  readonly isBest: boolean;
  /** The learning rate of the epoch's last step. */
  readonly learningRate: number;
  /** The duration of the epoch, its evaluation included. */
  readonly seconds: number;
}
