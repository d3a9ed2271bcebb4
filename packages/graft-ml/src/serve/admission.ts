import { ServeError } from './problems.ts';

export interface AdmissionOptions {
  /** Requests that are worked at. */
  readonly concurrency: number;
  /** Requests that wait to be. */
  readonly queue: number;
  /** Bytes of bodies that are held at once. */
  readonly bytes: number;
}

/** Decides what comes in, so that no number of requests takes more memory than was meant for them. */
export interface Admission {
  /**
   * Waits for a place, and gives it back when the work is done.
   * @throws ServeError (by rejection) where too many wait already; the signal's reason
   */
  within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Counts bytes that a body holds now. @throws ServeError where there is no room for them */
  hold(bytes: number): void;
  release(bytes: number): void;
  readonly active: number;
  readonly waiting: number;
  readonly held: number;
}

export function createAdmission({ concurrency, queue, bytes: most }: AdmissionOptions): Admission {
  const line: (() => void)[] = [];
  let active = 0;
  let held = 0;

  const enter = (signal: AbortSignal): Promise<void> => {
    if (active < concurrency) {
      active++;
      return Promise.resolve();
    }
    if (line.length >= queue) throw new ServeError('busy');
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        line.splice(line.indexOf(go), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      line.push(go);
    });
  };
  /** The place goes to the next in line. */
  const leave = () => {
    const next = line.shift();
    if (next) next();
    else active--;
  };
  return {
    async within(signal, work) {
      signal.throwIfAborted();
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    hold(bytes) {
      if (held + bytes > most) throw new ServeError('busy', 'The bodies of other requests take all the room.');
      held += bytes;
    },
    release(bytes) {
      held -= bytes;
    },
    get active() {
      return active;
    },
    get waiting() {
      return line.length;
    },
    get held() {
      return held;
    },
  };
}
