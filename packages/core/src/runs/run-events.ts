import type { Best, TrainEvent } from '../fit/events.ts';
import type { ImageDataset } from '../image/dataset.ts';
import type { ImageProblem } from '../image/problem.ts';
import type { Decision } from '../recipe/auto.ts';
import type { Run } from './run-file.ts';

/** A run is about to begin: what was resolved, before anything is trained. */
export interface ReadyEvent<D extends ImageDataset = ImageDataset> {
  readonly kind: 'ready';
  readonly out: string;
  readonly run: Run;
  readonly folder: D;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
}

/** The signal came before the first step: the run folder is as it was before. */
export interface CancelledEvent {
  readonly kind: 'cancelled';
  readonly out: string;
}

/** `auto` has seen its probe, and goes on with what it chose. */
export interface DecisionEvent {
  readonly kind: 'decision';
  readonly decision: Decision;
}

/** `auto` was asked to try random weights too: a run of its own, in a folder inside this one's. Its events follow. */
export interface ScratchEvent {
  readonly kind: 'scratch';
  readonly out: string;
  /** The best epoch of the run that is compared with. */
  readonly best: Best;
}

/**
 * An image turned out to be damaged in the first epoch. All are decoded now, and the run begins again without those
 * that cannot be used.
 */
export interface DamageEvent {
  readonly kind: 'damage';
  readonly problem: ImageProblem;
}

/** What happens in a run, from its preparation to its end. */
export type RunEvent<D extends ImageDataset = ImageDataset> =
  | ReadyEvent<D>
  | CancelledEvent
  | DecisionEvent
  | ScratchEvent
  | DamageEvent
  | TrainEvent;
