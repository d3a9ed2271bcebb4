import { UserError } from '@graft-ml/core/internal/base/errors';
import type { HubAccess } from './access.ts';

/** The longest answer of the hub's API, in bytes. */
const longestAnswer = 2 ** 24;
/** The longest time that a request may take which uploads no file, in milliseconds. */
const longestWait = 120_000;

export interface GuardedFetch {
  readonly signal: AbortSignal | undefined;
  /** Hears of the bytes of files as they are sent. */
  readonly onSent: (bytes: number) => void;
}

/**
 * `fetch` for Hugging Face's client: the token goes to the hub and to nobody whom an answer names, answers have an end,
 * and the bytes of uploads are counted.
 */
export function guardedFetch({ url, host }: HubAccess, { signal, onSent }: GuardedFetch): typeof fetch {
  const { origin } = new URL(url);
  return async (input, init = {}) => {
    const target = new URL(input instanceof Request ? input.url : input);
    if (new Headers(init.headers).has('authorization') && target.origin !== origin) {
      throw new UserError(`${host} sends its token on to ${target.host}, which does not get it.`);
    }
    const isUpload = init.method === 'PUT';
    const body = isUpload && init.body instanceof Blob ? counted(init.body, onSent) : init.body;
    const signals = [signal, init.signal ?? undefined, isUpload ? undefined : AbortSignal.timeout(longestWait)];
    const call = () =>
      fetch(target, {
        ...init,
        ...(body != null && { body }),
        signal: AbortSignal.any(signals.filter((one) => one !== undefined)),
      });
    // A connection that was kept may have been closed meanwhile; asking again changes nothing.
    const isQuestion = (init.method ?? 'GET') === 'GET';
    const response = await call().catch((error) => {
      if (isQuestion && error instanceof TypeError) return call();
      throw error;
    });
    return isUpload ? response : bounded(response, host);
  };
}

/** The answer with its whole body, which is refused where it does not end. */
async function bounded(response: Response, host: string): Promise<Response> {
  const { status, statusText, headers, body } = response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > longestAnswer) throw new UserError(`${host} answers with more than ${longestAnswer} bytes.`);
    chunks.push(chunk);
  }
  const hasNone = status === 204 || status === 304;
  return new Response(hasNone ? null : Buffer.concat(chunks), { status, statusText, headers });
}

/** A blob that says how much of it is read, for which `fetch` uses its stream. */
function counted(blob: Blob, onRead: (bytes: number) => void): Blob {
  const stream = () => {
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        onRead(chunk.length);
        controller.enqueue(chunk);
      },
    });
    return blob.stream().pipeThrough(count);
  };
  return Object.defineProperty(blob.slice(0, blob.size), 'stream', { value: stream });
}
