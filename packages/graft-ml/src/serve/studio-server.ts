import { existsSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import sirv from 'sirv';
import { packageFile } from '../files/package-file.ts';

/** GRAFT on the keys of a telephone. A fixed one, because a browser keeps a page's collection and runs by its address. */
export const studioPort = 47238;

/** The built studio, as it is in the package. */
export const studioFolder = packageFile('studio');

export interface StudioServer {
  /** `http://127.0.0.1:<port>/` */
  readonly address: string;
  readonly port: number;
  /** Whether the port is another than the one asked for, which is in use. */
  readonly isOtherPort: boolean;
  close(): Promise<void>;
}

/** The page may contact this server and no other, and run no text as code but WebAssembly; it carries the same policy. */
const policy = [
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
  "img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The first two give the page shared memory, and so threads. */
const headers: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': policy,
  'Permissions-Policy': 'camera=(self), microphone=(), geolocation=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Serves the studio on this machine, and to it alone.
 *
 * @param port where to listen; 0 for any free port
 * @param options.otherwiseAny takes any free port where that one is in use
 * @throws UserError (by rejection) where the studio is not built, or the port cannot be had
 */
export async function serveStudio(
  port: number,
  { otherwiseAny = false, folder = studioFolder }: { readonly otherwiseAny?: boolean; readonly folder?: string } = {},
): Promise<StudioServer> {
  if (!existsSync(join(folder, 'index.html'))) {
    throw new UserError(`The studio is not built: ${folder} has no page. In Graft’s repository: npm run studio`);
  }
  const server = createServer(listenerOf(folder));
  const isOtherPort = otherwiseAny && !(await listensOn(server, port));
  if (isOtherPort) await listen(server, 0);
  else if (!server.listening) await listen(server, port);
  const own = server.address();
  if (own === null || typeof own === 'string') throw new Error('a server that listens on a port has one');
  return {
    address: `http://127.0.0.1:${own.port}/`,
    port: own.port,
    isOtherPort,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listenerOf(folder: string): RequestListener {
  const files = sirv(folder, {
    etag: true,
    // Names in assets/ have a hash of the content in them.
    setHeaders: (response, path) => {
      const isHashed = path.startsWith('/assets/');
      response.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  return (request, response) => {
    const refuse = (status: number, text: string) => {
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!isThisMachine(request.headers.host))
      return refuse(403, 'This server answers to 127.0.0.1 and localhost only.');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'There are only files to read here.');
    return files(request, response, () => refuse(404, 'There is no such file.'));
  };
}

/**
 * Whether a request was addressed to this machine, on whatever port (there may be a tunnel). A name of somebody else's
 * that resolves to 127.0.0.1 would make this server part of their site.
 */
export function isThisMachine(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host ?? '');
}

/** Listens, unless the port is in use. */
async function listensOn(server: Server, port: number): Promise<boolean> {
  try {
    await listen(server, port);
    return true;
  } catch (error) {
    if (error instanceof UserError && isCode(error.cause, 'EADDRINUSE')) return false;
    throw error;
  }
}

/** @throws UserError (by rejection) where the port cannot be had */
export async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => reject(new UserError(portProblem(error, port), { cause: error }));
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** The message for a port that cannot be had. */
export function portProblem(error: Error, port: number): string {
  if (isCode(error, 'EADDRINUSE'))
    return `Port ${port} is in use. Choose another ${option('port')}, or 0 for any free one.`;
  if (isCode(error, 'EACCES'))
    return `Port ${port} is reserved on this machine. Choose one from 1024: ${option('port')}.`;
  return `Port ${port} cannot be had: ${error.message}`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
