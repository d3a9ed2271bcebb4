/*
 * The page of these tests, as a user's would be: bundled by Vite, served from this machine, with its work in a worker.
 */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { type FileServer, startFileServer } from '../file-server.ts';
import type { Answer, Question } from './worker.ts';

export { buildPage, hasBrowser, launch } from './chromium.ts';

/** By the ending of a file's name. */
export const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
};
/** A page may do no more than it must: nothing from elsewhere, no text as code but WebAssembly. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
/** With these a page has shared memory, and so threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Serves a bundled page. */
export async function servePage(folder: string, headers: Readonly<Record<string, string>> = {}): Promise<FileServer> {
  const server = await startFileServer();
  server.answer((request, response) => {
    const path = request.url === '/' ? '/index.html' : request.url!;
    const file = join(folder, path);
    if (!existsSync(file)) return response.writeHead(404).end();
    const type = contentTypes[extname(path)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy, ...headers });
    return response.end(readFileSync(file));
  });
  return server;
}

/** Asks the page's worker. */
export function ask(page: Page, question: Question): Promise<Answer> {
  const asked = (each: Question) => (globalThis as unknown as { ask(q: Question): Promise<Answer> }).ask(each);
  return page.evaluate(asked, question);
}
