/*
 * PyTorch's numbers in Chromium: every op in every lowering, on the WebAssembly that a page loads. Where there is no
 * Chromium, the tests are skipped.
 */
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { temporaryFolder } from '../images.ts';
import { expectGolden, opCases } from '../op-golden.ts';
import { compileThere } from './gpu/remote.ts';
import { buildPage, hasBrowser, launch, servePage } from './pages.ts';

describe.skipIf(!hasBrowser('the goldens in a page'))('every op in Chromium equals PyTorch', () => {
  const folder = temporaryFolder();
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await buildPage(folder, fileURLToPath(new URL('./gpu/', import.meta.url)));
    browser = await launch();
    page = await browser.newPage();
    await page.goto((await servePage(folder)).address);
  }, 120_000);
  afterAll(() => browser?.close());

  test.each(opCases.map((c) => [c.name, c] as const))('%s', (_name, c) =>
    expectGolden(c, (choices) => ({
      compile: async (outputs) => (await compileThere(page, outputs, { device: 'wasm', choices })).program,
    })),
  );
});
