import type { Tensor, Tensors } from '../base/tensor.ts';
import { copy } from '../runtime/index.ts';
import type { Best, EvaluationEvent } from './events.ts';

/** The progress of a run: with the tensors, all that is needed to continue as if nothing had happened. */
export interface Progress<M extends string = 'accuracy'> {
  /** Epochs that are complete. */
  readonly epoch: number;
  /** Steps taken in the epoch after those. */
  readonly step: number;
  /**
   * Sums over those steps: of the loss, of right answers, and where they are measured of other metrics over their
   * examples.
   */
  readonly lossSum: number;
  readonly correctSum: number;
  readonly sums?: Readonly<Record<string, number>> | undefined;
  /** Validation losses of the complete epochs. */
  readonly losses: readonly number[];
  readonly best: Best<M> | null;
}

/** The sum of a metric over the steps of the epoch that is under way. */
export function sumIn({ correctSum, sums }: Progress<string>, metric: string): number {
  return metric === 'accuracy' ? correctSum : (sums?.[metric] ?? 0);
}

/** The phase with what one more step has come to. */
export function withStep<M extends string>(
  phase: Progress<M>,
  {
    loss,
    sums: { accuracy = 0, ...others },
  }: { readonly loss: number; readonly sums: Readonly<Record<string, number>> },
): Progress<M> {
  const { step, lossSum, correctSum } = phase;
  const sums = Object.entries(others).map(([name, sum]) => [name, sum + sumIn(phase, name)]);
  return {
    ...phase,
    step: step + 1,
    lossSum: lossSum + loss,
    correctSum: correctSum + accuracy,
    ...(sums.length > 0 && { sums: Object.fromEntries(sums) }),
  };
}

/** A place to which a run saves its state. The tensors given to it are only valid until it resolves. */
export interface CheckpointStore<M extends string = 'accuracy'> {
  /**
   * An epoch ended. Comes before the checkpoint that counts the epoch as complete, so that no line of the log is lost;
   * after a resume the same epoch can come again.
   */
  record(event: EvaluationEvent<M>): Promise<void>;
  /** Parameters, slots and buffers, and the phase. Replaces the one before, wholly or not at all. */
  saveLast(tensors: Tensors, phase: Progress<M>): Promise<void>;
  /** Parameters and buffers of the best epoch so far. */
  saveBest(tensors: Tensors, evaluation: Best<M>): Promise<void>;
}

/** Saving takes at most one part in so many of a run's time. */
const savingShare = 20;

/** Writes checkpoints, often enough that little is lost and seldom enough that little is spent on it. */
export class Saver<M extends string = 'accuracy'> {
  readonly #store: CheckpointStore<M> | undefined;
  readonly #state: () => Tensors;
  #best: { tensors: Record<string, Tensor>; evaluation: Best<M> } | null = null;
  #saved: Progress<M>;
  #savedAt = performance.now();
  #cost = 0;

  /** `state` gives what a checkpoint holds; `phase` is where the run begins or goes on: that much is saved already. */
  constructor(store: CheckpointStore<M> | undefined, state: () => Tensors, phase: Progress<M>) {
    this.#store = store;
    this.#state = state;
    this.#saved = phase;
  }

  /** Notes these tensors as the best so far; they are written with the next checkpoint. */
  markBest(best: Tensors, evaluation: Best<M>): void {
    const tensors = Object.fromEntries(Object.entries(best).map(([name, value]) => [name, copy(value)]));
    this.#best = { tensors, evaluation };
  }

  async saveIfDue(phase: Progress<M>): Promise<void> {
    if (performance.now() - this.#savedAt >= this.#cost * savingShare) await this.save(phase);
  }

  /** The best goes first: if the process dies between the two, resuming repeats the epoch that made it. */
  async save(phase: Progress<M>): Promise<void> {
    const start = performance.now();
    await this.#saveBest();
    if (phase !== this.#saved) await this.#store?.saveLast(this.#state(), phase);
    this.#saved = phase;
    this.#savedAt = performance.now();
    this.#cost = this.#savedAt - start;
  }

  /**
   * However the run ends, what it has is kept; `phase` is null where the state is spoiled, and then only the best is.
   */
  async finish(phase: Progress<M> | null): Promise<void> {
    if (phase) await this.save(phase);
    else await this.#saveBest();
  }

  async #saveBest(): Promise<void> {
    if (this.#best) await this.#store?.saveBest(this.#best.tensors, this.#best.evaluation);
    this.#best = null;
  }
}
