import type { Best, TrainEvent } from '@graft-ml/core/internal/fit/events';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { Decision } from '@graft-ml/core/internal/recipe/auto';
import type { Dataset } from '../data/dataset.ts';
import type { Run } from '../runs/run-file.ts';

/** A run is about to begin: what was resolved, before anything is trained. */
export interface ReadyEvent {
  readonly kind: 'ready';
  readonly out: string;
  readonly run: Run;
  readonly folder: Dataset;
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

export type FolderEvent = ReadyEvent | CancelledEvent | DecisionEvent | ScratchEvent | DamageEvent | TrainEvent;
