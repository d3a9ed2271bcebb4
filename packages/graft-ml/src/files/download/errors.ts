import { UserError } from '@graft-ml/core/internal/base/errors';

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
