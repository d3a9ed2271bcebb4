import type { Tensor, Tensors } from '../base/tensor.ts';
import { copy, type State } from '../runtime/index.ts';
import type { Evaluation, EvaluationEvent } from './events.ts';

/** How far a run has come: with the tensors, all that is needed to go on as if nothing had happened. */
export interface Phase {
  /** Epochs that are complete. */
  readonly epoch: number;
  /** Steps taken in the epoch after those. */
  readonly step: number;
  /** Sums over those steps. */
  readonly lossSum: number;
  readonly correctSum: number;
  readonly best: (Evaluation & { readonly epoch: number }) | null;
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
  saveBest(tensors: Tensors, evaluation: Evaluation & { readonly epoch: number }): Promise<void>;
}

/** Saving takes at most one part in so many of a run's time. */
const savingShare = 20;

/** Writes checkpoints, often enough that little is lost and seldom enough that little is spent on it. */
export class Saver {
  readonly #store: CheckpointStore | undefined;
  readonly #state: State;
  readonly #variables: readonly string[];
  #best: { tensors: Record<string, Tensor>; evaluation: Evaluation & { readonly epoch: number } } | null = null;
  #saved: Phase;
  #savedAt = performance.now();
  #cost = 0;

  /** `phase` is where the run begins or goes on: that much is saved already. */
  constructor(store: CheckpointStore | undefined, state: State, variables: readonly string[], phase: Phase) {
    this.#store = store;
    this.#state = state;
    this.#variables = variables;
    this.#saved = phase;
  }

  /** Notes the state as the best so far; it is written with the next checkpoint. */
  markBest(evaluation: Evaluation & { readonly epoch: number }): void {
    const { current } = this.#state;
    const tensors = Object.fromEntries(this.#variables.map((name) => [name, copy(current[name]!)]));
    this.#best = { tensors, evaluation };
  }

  async saveIfDue(phase: Phase): Promise<void> {
    if (performance.now() - this.#savedAt >= this.#cost * savingShare) await this.save(phase);
  }

  /** The best goes first: if the process dies between the two, resuming repeats the epoch that made it. */
  async save(phase: Phase): Promise<void> {
    const start = performance.now();
    await this.#saveBest();
    if (phase !== this.#saved) await this.#store?.saveLast(this.#state.current, phase);
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
