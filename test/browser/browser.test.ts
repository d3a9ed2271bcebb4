/*
 * The runtime in a real browser: bundled by Vite as a user's page would be, served from this machine, in a worker.
 * Where there is no Chromium, the tests are skipped.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { f32, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Conv4Run, trainConv4 } from '../conv4-steps.ts';
import type { FileServer } from '../file-server.ts';
import { relativeError } from '../golden.ts';
import { temporaryFolder } from '../images.ts';
import { ask, buildPage, hasBrowser, isolation, launch, servePage } from './pages.ts';
import type { Answer } from './worker.ts';

describe.skipIf(!hasBrowser('the tests of the runtime in a browser'))('in Chromium', () => {
  const folder = temporaryFolder();
  let browser: Browser;
  let reference: Conv4Run;
  const requested = new Set<string>();
  const servers: FileServer[] = [];

  beforeAll(async () => {
    await buildPage(folder);
    for (const headers of [{}, isolation]) servers.push(await servePage(folder, headers));
    browser = await launch();
    reference = await trainConv4((choices) => createRuntime({ cache: null, threads: 1, choices }));
  }, 180_000);

  afterAll(() => browser?.close());

  /** A page of its own, with nothing stored. */
  async function open({ isolated = false } = {}): Promise<Page> {
    const context = await browser.newContext();
    context.on('request', (request) => requested.add(new URL(request.url()).origin));
    const page = await context.newPage();
    await page.goto(servers[isolated ? 1 : 0]!.address);
    return page;
  }

  function expectReference(answer: Answer): void {
    if (!('losses' in answer)) throw new Error(JSON.stringify(answer));
    const { losses, variables }: { losses: readonly number[]; variables: Tensors } = reference;
    expect(relativeError(f32([4], answer.losses), f32([4], losses))).toBeLessThan(1e-5);
    expect(Object.keys(answer.variables)).toEqual(Object.keys(variables));
    for (const [name, { data, shape }] of Object.entries(variables)) {
      const expected = f32(shape, Array.from<number | bigint, number>(data, Number));
      expect(relativeError(f32(shape, answer.variables[name]!), expected, 0.01), name).toBeLessThan(1e-5);
    }
  }

  test('conv4 is trained to the numbers of ONNX Runtime in Node', async () => {
    const page = await open();
    expectReference(await ask(page, { task: 'train' }));
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
    await page.context().close();
  });

  test('also with two threads, where the page is cross-origin isolated', async () => {
    const page = await open({ isolated: true });
    expectReference(await ask(page, { task: 'train', options: { threads: 2 } }));
    const loaded = servers[1]!.requests.filter(({ url }) => url!.includes('/ort.wasm.bundle'));
    expect(loaded).toHaveLength(2); // by the worker, and by the second thread
    await page.context().close();
  });

  test('two threads are refused where it is not', async () => {
    const page = await open();
    const answer = await ask(page, { task: 'train', options: { threads: 2 } });
    expect(answer).toEqual({ error: expect.stringMatching(/^OptionError: threads is 2, .*shared memory/) });
    await page.context().close();
  });

  test('the fastest lowering is found once, and remembered when the page is loaded again', async () => {
    const page = await open();
    const first = await ask(page, { task: 'choose' });
    expect(first).toEqual({ timed: 1, chosen: [expect.any(String)] });
    await page.reload();
    expect(await ask(page, { task: 'choose' })).toEqual({ ...first, timed: 0 });
    await page.context().close();
  });

  test('the place of the WebAssembly file can be given, to any number of runtimes', async () => {
    const file = readdirSync(join(folder, 'assets')).find((name) => name.endsWith('.wasm'));
    const page = await open();
    const options = { wasmPaths: { wasm: `/assets/${file}` } };
    for (let i = 0; i < 2; i++) expectReference(await ask(page, { task: 'train', options }));
    const other = await ask(page, { task: 'train', options: { wasmPaths: '/elsewhere/' } });
    expect(other).toEqual({ error: expect.stringMatching(/^OptionError: wasmPaths is not what/) });
    await page.context().close();
  });

  test('a WebAssembly file that is not there is an error that says so', async () => {
    const page = await open();
    const answer = await ask(page, { task: 'train', options: { wasmPaths: { wasm: '/nowhere.wasm' } } });
    expect(answer).toEqual({
      error: expect.stringMatching(/^UserError: onnxruntime-web does not start here: .*wasmPaths/s),
    });
    await page.context().close();
  });

  test('and all of it asks nothing of any other server', () => {
    expect([...requested].sort()).toEqual(servers.map(({ address }) => address).sort());
  });
});
