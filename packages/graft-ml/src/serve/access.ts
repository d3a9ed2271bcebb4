import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ServeError } from './problems.ts';
import { isThisMachine } from './studio-server.ts';

export interface AccessOptions {
  /** What requests must carry as `Authorization: Bearer`; null: nothing. */
  readonly token: string | null;
  /** Whether only names of this machine may be asked for. */
  readonly isLoopback: boolean;
  /** The origins of pages that may ask. */
  readonly origins: readonly string[];
}

/** Whether a host is this machine and nothing else. */
export function isLoopbackHost(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|localhost|::1)$/i.test(host);
}

/**
 * Says who may ask.
 *
 * A name of somebody else's that resolves to 127.0.0.1 would make this server part of their site, and any page in a
 * browser of this machine can send requests here: so the Host and the Origin are looked at.
 */
export function createAccess({ token, isLoopback, origins }: AccessOptions) {
  const expected = token === null ? null : digest(token);
  return {
    hasToken: expected !== null,
    /** @throws ServeError where a request comes from a place that may not ask */
    assertPlace({ host, origin }: IncomingHttpHeaders): void {
      if (isLoopback && !isThisMachine(host)) throw new ServeError('wrong-host');
      if (origin === undefined || origins.includes(origin)) return;
      if (URL.canParse(origin) && new URL(origin).host === host) return;
      throw new ServeError('wrong-origin');
    },
    /** @throws ServeError where the token is missing or wrong */
    assertToken({ authorization }: IncomingHttpHeaders): void {
      if (expected === null) return;
      const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
      // Digests of one length, so that the time says nothing about the token.
      if (given === undefined || !timingSafeEqual(digest(given), expected)) throw new ServeError('unauthorized');
    },
    /** The headers of CORS for a request; none where its origin may not read the answer. */
    corsHeaders({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
      if (origin === undefined || !origins.includes(origin)) return {};
      return {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'authorization, content-type, inference-header-content-length',
        'access-control-expose-headers': 'inference-header-content-length, retry-after, x-request-id',
        'access-control-max-age': '600',
      };
    },
  };
}

export type Access = ReturnType<typeof createAccess>;

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
