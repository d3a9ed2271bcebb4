import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Credentials } from './place.ts';

/** Something that may go better the next time: a broken connection, a server that is busy. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** The number of seconds that the server asks to wait. */
  readonly retryAfter: number;

  constructor(message: string, { retryAfter = 0, cause }: { retryAfter?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.retryAfter = retryAfter;
  }
}

/** No such host, or one whose certificate is not believed: another attempt would end as this one did. */
const lasting = /^(ENOTFOUND|UNABLE_TO_.*|.*CERT.*)$/;

/**
 * An error from what `fetch` threw, which says `fetch failed` or `terminated` and keeps the reason in `cause`; `what`
 * says when.
 */
export function networkError(error: unknown, what: string): UserError | TransientError {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { message = '', code = '' } = reason as NodeJS.ErrnoException;
  const text = `${what} (${message || code || 'no reason given'})`;
  return lasting.test(code) ? new UserError(text, { cause: error }) : new TransientError(text, { cause: error });
}

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

export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: Credentials | null;
  readonly guard: StallGuard;
}

/** An answer of status 200, 206 or 416. */
export interface Answer {
  readonly response: Response;
  /** The headers of the first answer: where the hub redirects to its storage, what the hub itself says of the file. */
  readonly first: Headers;
}

const maxRedirects = 10;
const redirects = [301, 302, 303, 307, 308];
const busy = [408, 425, 429, 500, 502, 503, 504];

/**
 * GETs `url`. Redirects are followed here and not by `fetch`, so that the first answer can be read and the token goes
 * to its own origin and nowhere else.
 *
 * @throws TransientError where a later attempt may succeed, UserError where none will, and the guard's reason
 */
export async function request(url: URL, options: RequestOptions): Promise<Answer> {
  let at = url;
  let first: Headers | undefined;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await get(at, options);
    first ??= response.headers;
    if (!redirects.includes(response.status)) {
      await expectFile(response, at);
      return { response, first };
    }
    await response.body?.cancel();
    at = redirectTarget(at, response);
  }
  throw new UserError(`${url.host} redirects more than ${maxRedirects} times`);
}

function get(url: URL, { headers, credentials, guard }: RequestOptions): Promise<Response> {
  // identity: lengths and ranges are to count the bytes of the file, not of a compressed form of it.
  const sent = new Headers({ 'accept-encoding': 'identity', ...headers });
  if (credentials?.origin === url.origin) sent.set('authorization', `Bearer ${credentials.token}`);
  const fail = (error: unknown): never => {
    throw networkError(error, `${url.host} cannot be reached`);
  };
  return guard.wait(fetch(url, { headers: sent, redirect: 'manual', signal: guard.signal }).catch(fail));
}

function redirectTarget(from: URL, response: Response): URL {
  const location = response.headers.get('location') ?? '';
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (to === null || (to.protocol !== 'https:' && to.protocol !== from.protocol)) {
    throw new UserError(`${from.host} redirects to "${printableName(location)}", which is no address to follow`);
  }
  return to;
}

async function expectFile(response: Response, url: URL): Promise<void> {
  const { status, headers } = response;
  const encoding = headers.get('content-encoding') ?? 'identity';
  const isFile = [200, 206, 416].includes(status);
  if (isFile && encoding === 'identity') return;
  await response.body?.cancel();
  if (isFile)
    throw new UserError(`${url.host} compresses the file (${printableName(encoding)}), though it was asked not to`);
  const text = `${url.host} answers ${status} ${printableName(response.statusText)}`.trimEnd();
  if (busy.includes(status)) throw new TransientError(text, { retryAfter: retryAfter(headers) });
  throw new UserError(status === 401 || status === 403 ? `${text} (HF_TOKEN holds the hub's token)` : text);
}

/** Seconds, which the server states as such or as a date. */
function retryAfter(headers: Headers): number {
  const text = headers.get('retry-after') ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
