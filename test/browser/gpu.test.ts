/*
 * ORT's WebGPU kernels in Chromium, on a GPU that is a program (SwiftShader): what they get wrong comes out right.
 * Where there is no Chromium, or it has no adapter, the tests are skipped. All of them are run by bench/webgpu.ts.
 */
import { fileURLToPath } from 'node:url';
import { formatPlacements } from '@graft-ml/core/runtime';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileServer } from '../file-server.ts';
import { relativeError, tolerance } from '../golden.ts';
import { gpuCases as cases, feedsOf } from '../gpu-cases.ts';
import { temporaryFolder } from '../images.ts';
import { defaultChoices, evaluate } from '../run.ts';
import { adapterOf, compileThere, loseGpu } from './gpu/remote.ts';
import { buildPage, hasBrowser, isolation, launch, servePage } from './pages.ts';

describe.skipIf(!hasBrowser('the tests of WebGPU'))('WebGPU in Chromium', () => {
  const folder = temporaryFolder();
  let browser: Browser;
  let server: FileServer;
  let page: Page;
  let isThere = false;

  beforeAll(async () => {
    await buildPage(folder, fileURLToPath(new URL('./gpu/', import.meta.url)));
    server = await servePage(folder);
    browser = await launch({ gpu: true });
    page = await browser.newPage();
    await page.goto(server.address);
    isThere = (await adapterOf(page)) !== undefined;
    if (!isThere) console.warn('Chromium has no WebGPU adapter here, not even SwiftShader: its tests are skipped.');
  }, 180_000);

  afterAll(() => browser?.close());

  test.for(cases)('%s: the numbers are right', async ([, outputs], { skip }) => {
    if (!isThere) skip();
    const feeds = feedsOf(outputs);
    const { program, placements } = await compileThere(page, outputs, { choices: defaultChoices(outputs) });
    const results = await program.run(feeds);
    await program.release();
    for (const [name, expected] of Object.entries(await evaluate(outputs, feeds))) {
      const report = `${name}\n${formatPlacements(placements)}`;
      expect(relativeError(results[name]!, expected), report).toBeLessThan(tolerance.gradient);
    }
  });

  test('what is on the GPU, and what is not for which reason, is told', async ({ skip }) => {
    if (!isThere) skip();
    const [, outputs] = cases[1]!;
    const { placements } = await compileThere(page, outputs, { choices: defaultChoices(outputs) });
    const [maxima, places] = ['MaxPool', 'MaxPoolIndices'].map((name) =>
      placements.find(({ primitive }) => primitive === name),
    );
    expect(maxima).toMatchObject({ place: 'webgpu', lowering: 'onnx', refused: {} });
    if (places!.place === 'webgpu') return; // a build that has it
    expect(formatPlacements(placements)).toMatch(
      /on cpu: onnx of MaxPoolIndices\(f32\[2,6,8,8\]\) .*\n {4}onnx is not used: .*Indices output is not supported/,
    );
  });

  test('the processor’s part is right with two threads, too', async ({ skip }) => {
    if (!isThere) skip();
    const [, outputs] = cases[1]!;
    const isolated = await servePage(folder, isolation);
    const other = await browser.newPage();
    await other.goto(isolated.address);
    const { program } = await compileThere(other, outputs, { choices: defaultChoices(outputs), threads: 2 });
    const feeds = feedsOf(outputs);
    const results = await program.run(feeds);
    for (const [name, expected] of Object.entries(await evaluate(outputs, feeds))) {
      expect(relativeError(results[name]!, expected), name).toBeLessThan(tolerance.gradient);
    }
    expect(isolated.requests.filter(({ url }) => url!.includes('/ort.webgpu.'))).toHaveLength(2); // one by each thread
    await other.close();
  });

  test('nothing is compared twice, even when the page is loaded again', async ({ skip }) => {
    if (!isThere) skip();
    const [, outputs] = cases[2]!;
    const options = { choices: defaultChoices(outputs) };
    const context = await browser.newContext();
    const other = await context.newPage();
    await other.goto(server.address);
    const first = await compileThere(other, outputs, options);
    await other.reload();
    const second = await compileThere(other, outputs, options);
    expect([first.checked, second.checked]).toEqual([1, 0]);
    expect(second.placements).toEqual(first.placements);
    await context.close();
  });

  test('a page loads the build for its device alone', async ({ skip }) => {
    if (!isThere) skip();
    const [, outputs] = cases[2]!;
    for (const [device, file] of [
      ['wasm', 'ort-wasm-simd-threaded-'],
      ['webgpu', 'ort-wasm-simd-threaded.asyncify-'],
    ] as const) {
      const from = server.requests.length;
      const other = await browser.newPage();
      await other.goto(server.address);
      await compileThere(other, outputs, { device, choices: defaultChoices(outputs) });
      const loaded = server.requests.slice(from).map(({ url }) => url!);
      expect(loaded.filter((url) => url.endsWith('.wasm'))).toEqual([expect.stringContaining(`/${file}`)]);
      expect(loaded.filter((url) => /\/ort\./.test(url))).toEqual([expect.stringContaining(`/ort.${device}.`)]);
      await other.close();
    }
  });

  test('a GPU that is lost is no fault of a kernel, and is remembered as none', async ({ skip }) => {
    if (!isThere) skip();
    const [, convolution] = cases[0]!;
    const [, backwards] = cases[2]!;
    const other = await (await browser.newContext()).newPage();
    await other.goto(server.address);
    const { program } = await compileThere(other, convolution, { choices: defaultChoices(convolution) });
    await loseGpu(other);
    const lost = /UserError: The GPU was lost \(.+\)\. Load the page again/;
    await expect(program.run(feedsOf(convolution))).rejects.toThrow(lost);
    const options = { choices: defaultChoices(backwards) };
    await expect(compileThere(other, backwards, options)).rejects.toThrow(lost);
    await other.reload();
    expect((await compileThere(other, backwards, options)).checked).toBe(1);
    await other.context().close();
  });

  test('a browser without an adapter says so', async ({ skip, onTestFinished }) => {
    const plain = await launch();
    onTestFinished(() => plain.close());
    const other = await plain.newPage();
    await other.goto(server.address);
    if ((await adapterOf(other)) !== undefined) skip();
    const [, outputs] = cases[2]!;
    await expect(compileThere(other, outputs)).rejects.toThrow(
      /UserError: This browser knows WebGPU, but has no adapter for it: .*Pass device: 'wasm'\.$/,
    );
  });
});
