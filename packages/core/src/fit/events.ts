/** What a training run tells while it goes on. The progress bar, the log and early stopping are all readers of these. */
export type TrainEvent =
  | { readonly kind: 'start'; readonly epochs: number; readonly stepsPerEpoch: number; readonly resumedAt: number }
  | StageEvent
  | StepEvent
  | EvaluationEvent
  | { readonly kind: 'interrupted'; readonly epoch: number; readonly step: number }
  | EndEvent;

/** From here on other parameters are trained. */
export interface StageEvent {
  readonly kind: 'stage';
  readonly name: string;
  /** Its first, from 1. */
  readonly epoch: number;
  readonly epochs: number;
}

export interface EndEvent {
  readonly kind: 'end';
  readonly best: Best;
  /** The patience was over before the epochs were. */
  readonly isEarly: boolean;
}

/** One step was taken. */
export interface StepEvent {
  readonly kind: 'step';
  /** From 1. */
  readonly epoch: number;
  /** Within the epoch, from 1. */
  readonly step: number;
  readonly steps: number;
  /** Of the batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
}

export interface Evaluation {
  /** Mean cross entropy. */
  readonly loss: number;
  /** The share of correct answers, in [0, 1]. */
  readonly accuracy: number;
}

/** The best epoch so far, from 1. */
export type Best = Evaluation & { readonly epoch: number };

/** An epoch ended. */
export interface EvaluationEvent extends Evaluation {
  readonly kind: 'evaluation';
  /** The name of the stage. */
  readonly stage: string;
  readonly epoch: number;
  /** Steps since the start of the run. */
  readonly step: number;
  readonly training: Evaluation;
  readonly isBest: boolean;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  /** Of the epoch, its evaluation included. */
  readonly seconds: number;
}
