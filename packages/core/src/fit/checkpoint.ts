import type { Tensor, Tensors } from '../base/tensor.ts';
import { copy } from '../runtime/index.ts';
import type { Best, EvaluationEvent } from './events.ts';

/** How far a run has come: with the tensors, all that is needed to go on as if nothing had happened. */
export interface Phase {
  /** Epochs that are complete. */
  readonly epoch: number;
  /** Steps taken in the epoch after those. */
  readonly step: number;
  /** Sums over those steps. */
  readonly lossSum: number;
  readonly correctSum: number;
  /** Validation losses of the complete epochs. */
  readonly losses: readonly number[];
  readonly best: Best | null;
}

/** Where a run leaves its state. The tensors given to it are only valid until it resolves. */
export interface CheckpointStore {
  /**
   * An epoch ended. Comes before the checkpoint that counts the epoch as complete, so that no line of the log is lost;
   * after a resume the same epoch can come again.
   */
  record(event: EvaluationEvent): Promise<void>;
  /** Parameters, slots and buffers, and the phase. Replaces the one before, wholly or not at all. */
  saveLast(tensors: Tensors, phase: Phase): Promise<void>;
  /** Parameters and buffers of the best epoch so far. */
  saveBest(tensors: Tensors, evaluation: Best): Promise<void>;
}

/** Saving takes at most one part in so many of a run's time. */
const savingShare = 20;

/** Writes checkpoints, often enough that little is lost and seldom enough that little is spent on it. */
export class Saver {
  readonly #store: CheckpointStore | undefined;
  readonly #state: () => Tensors;
  #best: { tensors: Record<string, Tensor>; evaluation: Best } | null = null;
  #saved: Phase;
  #savedAt = performance.now();
  #cost = 0;

  /** `state` gives what a checkpoint holds; `phase` is where the run begins or goes on: that much is saved already. */
  constructor(store: CheckpointStore | undefined, state: () => Tensors, phase: Phase) {
    this.#store = store;
    this.#state = state;
    this.#saved = phase;
  }

  /** Notes these tensors as the best so far; they are written with the next checkpoint. */
  markBest(best: Tensors, evaluation: Best): void {
    const tensors = Object.fromEntries(Object.entries(best).map(([name, value]) => [name, copy(value)]));
    this.#best = { tensors, evaluation };
  }

  async saveIfDue(phase: Phase): Promise<void> {
    if (performance.now() - this.#savedAt >= this.#cost * savingShare) await this.save(phase);
  }

  /** The best goes first: if the process dies between the two, resuming repeats the epoch that made it. */
  async save(phase: Phase): Promise<void> {
    const start = performance.now();
    await this.#saveBest();
    if (phase !== this.#saved) await this.#store?.saveLast(this.#state(), phase);
    this.#saved = phase;
    this.#savedAt = performance.now();
    this.#cost = this.#savedAt - start;
  }

  /** However the run ends, what it has is kept; `phase` is null where the state is spoiled, and then only the best is. */
  async finish(phase: Phase | null): Promise<void> {
    if (phase) await this.save(phase);
    else await this.#saveBest();
  }

  async #saveBest(): Promise<void> {
    if (this.#best) await this.#store?.saveBest(this.#best.tensors, this.#best.evaluation);
    this.#best = null;
  }
}
