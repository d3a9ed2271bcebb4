import { type Reply, type Request, receivedError, sentError } from './messages.ts';
import { type Call, Work } from './work.ts';

/**
 * Does in this worker what a page asks for by `connectGraft`.
 * @example
 * // graft-worker.ts, which the page starts
 * import { serveGraft } from '@graft-ml/web/worker';
 * serveGraft();
 */
export function serveGraft(): void {
  // A worker's own side has the shape of the page's, for a program that is typed as a page, too.
  const scope = globalThis as unknown as Pick<Worker, 'addEventListener' | 'postMessage'>;
  const work = new Work();
  const running = new Map<number, AbortController>();
  scope.addEventListener('message', ({ data }: MessageEvent<Request>) => {
    if (data.kind === 'cancel') running.get(data.id)?.abort(receivedError(data.reason));
    else void answer(data);
  });

  async function answer({ id, method, args }: Request & { readonly kind: 'call' }): Promise<void> {
    const reply = (one: Reply) => scope.postMessage(one);
    const controller = new AbortController();
    running.set(id, controller);
    const call: Call = {
      signal: controller.signal,
      progress: (value) => reply({ id, kind: 'progress', value }),
    };
    try {
      const done = invoke(work, method, call, args);
      if (isStream(done)) for await (const value of done) reply({ id, kind: 'value', value });
      else reply({ id, kind: 'value', value: await done });
      reply({ id, kind: 'end' });
    } catch (error) {
      reply({ id, kind: 'error', error: sentError(error) });
    } finally {
      running.delete(id);
    }
  }
}

/** Calls a method of the work by its name: the page's side is typed, and what is no method there is none here. */
function invoke(work: Work, method: string, call: Call, args: readonly unknown[]): unknown {
  const found: unknown = Reflect.get(work, method);
  if (typeof found !== 'function' || method === 'constructor') throw new Error(`There is no method ${method}.`);
  return Reflect.apply(found, work, [call, ...args]);
}

function isStream(value: unknown): value is AsyncGenerator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
