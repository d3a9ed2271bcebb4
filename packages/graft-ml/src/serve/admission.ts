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
   * Waits for a place, and gives it back when the work is done. Clients take turns; where too many requests wait, those
   * of the client that has the most are turned away.
   * @throws ServeError (by rejection) where too many wait already; the signal's reason
   */
  within<T>(client: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Counts bytes that a body holds now. @throws ServeError where there is no room for them */
  hold(bytes: number): void;
  release(bytes: number): void;
  readonly active: number;
  readonly waiting: number;
  readonly held: number;
}

/** A request that waits. */
interface Ticket {
  go(): void;
  refuse(error: ServeError): void;
}

export function createAdmission({ concurrency, queue, bytes: most }: AdmissionOptions): Admission {
  /** Those that wait, by client; the clients in the order of their turns. */
  const lines = new Map<string, Ticket[]>();
  let active = 0;
  let waiting = 0;
  let held = 0;

  const remove = (client: string, ticket: Ticket) => {
    const line = lines.get(client);
    const place = line?.indexOf(ticket) ?? -1;
    if (!line || place < 0) return;
    line.splice(place, 1);
    waiting--;
    if (line.length === 0) lines.delete(client);
  };
  /** Makes room for one more of this client's. @throws ServeError where it has as many as any other */
  const makeRoom = (client: string) => {
    const own = lines.get(client)?.length ?? 0;
    const [longest] = [...lines].sort(([, a], [, b]) => b.length - a.length);
    const last = longest?.[1].at(-1);
    if (!longest || !last || longest[1].length <= own + 1) throw new ServeError('busy');
    remove(longest[0], last);
    last.refuse(new ServeError('busy'));
  };
  const enter = (client: string, signal: AbortSignal): Promise<void> => {
    if (active < concurrency) {
      active++;
      return Promise.resolve();
    }
    if (waiting >= queue) makeRoom(client);
    return new Promise((resolve, reject) => {
      const abort = () => {
        remove(client, ticket);
        reject(signal.reason);
      };
      const ticket: Ticket = {
        go() {
          signal.removeEventListener('abort', abort);
          resolve();
        },
        refuse(error) {
          signal.removeEventListener('abort', abort);
          reject(error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      const line = lines.get(client);
      if (line) line.push(ticket);
      else lines.set(client, [ticket]);
      waiting++;
    });
  };
  /** The place goes to the client whose turn it is. */
  const leave = () => {
    const [next] = lines;
    if (!next) {
      active--;
      return;
    }
    const [client, line] = next;
    const ticket = line[0]!;
    remove(client, ticket);
    // Its next turn comes after everybody's.
    if (lines.delete(client)) lines.set(client, line);
    ticket.go();
  };
  return {
    async within(client, signal, work) {
      signal.throwIfAborted();
      await enter(client, signal);
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
      return waiting;
    },
    get held() {
      return held;
    },
  };
}
