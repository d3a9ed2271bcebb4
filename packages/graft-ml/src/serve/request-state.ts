import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from './admission.ts';
import { ServeError } from './problems.ts';

/** What the server knows of a request until its connection is done with it. */
export interface RequestState {
  readonly start: number;
  /** Aborts when the client is gone, or the answer is late. */
  readonly signal: AbortSignal;
  /** The code of its error, if it has one. */
  code: string | undefined;
  /** The model that it is for. */
  model: string | undefined;
  /** Counts bytes that its body holds. @throws ServeError where there is no room for them */
  hold(bytes: number): void;
  /** Starts the time for the answer. */
  startClock(seconds: number): void;
}

const states = new WeakMap<IncomingMessage, RequestState>();

export function beginRequest(request: IncomingMessage, response: ServerResponse, admission: Admission): void {
  const controller = new AbortController();
  let held = 0;
  let clock: NodeJS.Timeout | undefined;
  response.once('close', () => {
    clearTimeout(clock);
    admission.release(held);
    held = 0;
    if (!response.writableFinished) controller.abort(new ServeError('bad-request', 'The client is gone.'));
  });
  states.set(request, {
    start: performance.now(),
    signal: controller.signal,
    code: undefined,
    model: undefined,
    hold(bytes) {
      if (controller.signal.aborted) throw controller.signal.reason;
      admission.hold(bytes);
      held += bytes;
    },
    startClock(seconds) {
      clock ??= setTimeout(() => controller.abort(new ServeError('late')), 1000 * seconds);
    },
  });
}

export function stateOf(request: IncomingMessage): RequestState {
  const state = states.get(request);
  if (!state) throw new Error('a request begins before it is looked at');
  return state;
}

/** The result of some work, unless the signal comes first: the work goes on, and nobody waits for it. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
