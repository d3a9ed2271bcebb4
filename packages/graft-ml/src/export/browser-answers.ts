/// <reference lib="esnext.disposable" preserve="true" />
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { packageFile } from '../files/package-file.ts';
import { loadPeers } from '../jobs/peer.ts';

/** Probabilities, or why the browser cannot use the image. */
export type BrowserAnswer =
  | { readonly probabilities: Float32Array; readonly problem?: undefined }
  | { readonly probabilities?: undefined; readonly problem: ImageProblem };

/** An exported model in a page of a real browser. */
export interface BrowserAnswers extends AsyncDisposable {
  /** The browser with its version, and onnxruntime-web. */
  readonly engine: string;
  /** The model's answers for an image that is decoded (`same`), and for its file, which the browser decodes (`own`). */
  look(path: string, decoded: RgbImage): Promise<{ readonly same: BrowserAnswer; readonly own: BrowserAnswer }>;
}

/**
 * Opens an exported model in Chrome or Chromium, without a window. The page comes from a server of this process on
 * 127.0.0.1, under an address that nobody can guess, and may contact no other.
 *
 * @param executable the browser's program. Default: Chromium or Chrome where systems put them, or `CHROMIUM`
 * @throws UserError where there is no browser, playwright-core is not installed, or the studio is not built
 */
export async function openBrowserAnswers(model: Uint8Array, executable?: string): Promise<BrowserAnswers> {
  const site = await siteFiles();
  const { chromium } = await loadPeers(['playwright-core'], 'A check in a browser', () => import('playwright-core'));
  const served = await serve(site, model);
  let browser: Browser | undefined;
  const close = async () => {
    await browser?.close();
    await served.close();
  };
  try {
    browser = await launch(chromium, executable);
    const page = await browser.newPage();
    await page.goto(served.address);
    await call(page, 'open');
    let image = 0;
    return {
      engine: `${browser.browserType().name()} ${browser.version()}, onnxruntime-web`,
      async look(path, { width, height, data }) {
        image++;
        served.show(image, { pixels: data, path });
        const answers = answersSchema.parse(await call(page, 'look', { image, width, height }));
        return { same: asAnswer(answers.same, path), own: asAnswer(answers.own, path) };
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const answerSchema = z.union([
  z.object({ probabilities: z.array(z.number().nullable()) }),
  z.object({
    problem: z.object({
      kind: z.enum(['unreadable', 'empty-file', 'not-an-image', 'truncated', 'too-small', 'too-large']),
      message: z.string(),
    }),
  }),
]);
const answersSchema = z.object({ same: answerSchema, own: answerSchema });

function asAnswer(answer: z.output<typeof answerSchema>, path: string): BrowserAnswer {
  if ('problem' in answer) return { problem: { ...answer.problem, path } };
  return { probabilities: Float32Array.from(answer.probabilities, (p) => p ?? Number.NaN) };
}

/** Calls a method of the page's script. @throws UserError with what the page says */
async function call(page: Page, method: 'open' | 'look', argument?: object): Promise<unknown> {
  interface Verifier {
    readonly graftVerifier: Readonly<Record<string, (argument: unknown) => Promise<unknown>>>;
  }
  const inPage = ([name, given]: readonly [string, object | undefined]) =>
    (globalThis as unknown as Verifier).graftVerifier[name]!(given);
  return page.evaluate(inPage, [method, argument] as const).catch((cause: Error) => {
    throw new UserError(`In the browser: ${cause.message.replace(/^page\.evaluate: /, '').split('\n')[0]}`, { cause });
  });
}

type Chromium = typeof import('playwright-core')['chromium'];

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

async function launch(chromium: Chromium, executable: string | undefined): Promise<Browser> {
  const executablePath = executable ?? process.env.CHROMIUM ?? places.find((path) => existsSync(path));
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // Chromium has none for root
  try {
    return await chromium.launch({
      args,
      ...(executablePath === undefined ? { channel: 'chrome' } : { executablePath }),
    });
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new UserError(
      `No browser can be started: ${reason} Install Chrome or Chromium, or name its program in CHROMIUM.`,
      { cause },
    );
  }
}

interface SiteFiles {
  readonly script: Uint8Array;
  readonly engine: Uint8Array;
}

/** The page's script and onnxruntime-web's WebAssembly, which come with the studio. */
async function siteFiles(): Promise<SiteFiles> {
  const folder = packageFile('studio');
  const script = join(folder, 'verifier/verifier.js');
  if (!existsSync(script)) {
    throw new UserError(
      `The page for the browser is not built: ${script} is missing. In Graft’s repository: npm run studio`,
    );
  }
  const engine = readdirSync(join(folder, 'assets')).find((name) => /^ort-wasm-simd-threaded-[^.]*\.wasm$/.test(name));
  if (engine === undefined) throw new Error(`${folder} has no WebAssembly`);
  return { script: await readFile(script), engine: await readFile(join(folder, 'assets', engine)) };
}

interface Shown {
  readonly pixels: Uint8Array;
  readonly path: string;
}

interface VerifierServer {
  readonly address: string;
  /** Serves an image by its number, in place of the one before. */
  show(image: number, shown: Shown): void;
  close(): Promise<void>;
}

/** The page may contact this server and no other, and run no text as code but WebAssembly. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const page =
  '<!doctype html><html lang="en"><title>Graft</title><script type="module" src="verifier.js"></script></html>';

async function serve({ script, engine }: SiteFiles, model: Uint8Array): Promise<VerifierServer> {
  const secret = `/${randomUUID()}/`;
  const files = new Map<string, readonly [type: string, content: () => Uint8Array | string | Promise<Uint8Array>]>([
    ['', ['text/html', () => page]],
    ['verifier.js', ['text/javascript', () => script]],
    ['engine.wasm', ['application/wasm', () => engine]],
    ['model.onnx', ['application/octet-stream', () => model]],
  ]);
  const answer = async (url: string, response: ServerResponse) => {
    const file = url.startsWith(secret) ? files.get(url.slice(secret.length)) : undefined;
    if (!file) return response.writeHead(404).end();
    const [type, content] = file;
    const body = await content();
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy, 'Cache-Control': 'no-store' });
    return response.end(body);
  };
  const server = createServer((request, response) => {
    answer(request.url ?? '', response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const own = server.address();
  if (own === null || typeof own === 'string') throw new Error('a server that listens on a port has one');
  return {
    address: `http://127.0.0.1:${own.port}${secret}`,
    show(image, { pixels, path }) {
      files.delete(`images/${image - 1}/pixels`);
      files.delete(`images/${image - 1}/file`);
      files.set(`images/${image}/pixels`, ['application/octet-stream', () => pixels]);
      files.set(`images/${image}/file`, ['application/octet-stream', () => readFile(path)]);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
