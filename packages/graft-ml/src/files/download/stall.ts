import { TransientError } from './errors.ts';

/** Gives up on a connection that brings nothing for a while, and on everything when the caller's signal says so. */
export class StallGuard {
  readonly signal: AbortSignal;
  readonly #stalled = new AbortController();
  readonly #timeout: number;

  /** `timeout` in milliseconds */
  constructor(timeout: number, signal?: AbortSignal) {
    this.#timeout = timeout;
    this.signal = signal ? AbortSignal.any([signal, this.#stalled.signal]) : this.#stalled.signal;
  }

  /** `work`, which listens to `signal`. Only this wait counts, not what is done between two of them. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const giveUp = () =>
      this.#stalled.abort(new TransientError(`nothing came for ${(this.#timeout / 1000).toLocaleString('en')} s`));
    const timer = setTimeout(giveUp, this.#timeout);
    try {
      return await work;
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }
}
