import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';

/** What a request is answered with; `count` is its number, from 1. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export interface FileServer {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** What has been asked so far. */
  readonly requests: readonly IncomingMessage[];
  /** From now on, with nothing asked yet. */
  answer(handler: Handler): void;
  /** Breaks off every answer that is under way. */
  hangUp(): void;
}

/** A server on this machine that answers as each test wants it. */
export async function startFileServer(): Promise<FileServer> {
  let handler: Handler = (_request, response) => response.writeHead(404).end();
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (next) => {
      requests.length = 0;
      handler = next;
    },
    hangUp: () => server.closeAllConnections(),
  };
}

export interface SendOptions {
  /** Default `"1"`; null for none. */
  readonly etag?: string | null;
  /** Stop after so many bytes of the body, and keep the connection. */
  readonly stallAfter?: number;
  readonly headers?: Record<string, string>;
}

/** Answers as a sound server does, `Range` and `If-Range` included, as far as it gets. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: Uint8Array,
  { etag = '"1"', stallAfter, headers }: SendOptions = {},
): void {
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? /^bytes=(\d+)-$/.exec(request.headers.range ?? '') : null;
  const start = range ? Number(range[1]) : 0;
  const facts = { ...(etag && { etag }), ...headers };
  if (start >= file.length) {
    response.writeHead(416, { ...facts, 'content-range': `bytes */${file.length}` }).end();
    return;
  }
  const span = range && { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` };
  response.writeHead(range ? 206 : 200, { 'content-length': file.length - start, ...span, ...facts });
  if (stallAfter === undefined) response.end(file.subarray(start));
  else response.write(file.subarray(start, start + stallAfter));
}
