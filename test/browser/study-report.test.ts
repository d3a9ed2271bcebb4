/*
 * The reports of several runs in a real browser: of partial transfer with its start, of a cross-validation, and the page
 * that compares runs by their records. Nothing is requested, nothing runs but the page's own script, no rule of axe is broken in light or dark, the keyboard reaches what a pointer does, a phone
 * does not scroll sideways, and they print. Where there is no Chromium, the tests are skipped.
 */
import { readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { trainFolds } from 'graft-ml/internal/experiment/cross-validation';
import { writeComparison, writeStudyReport } from 'graft-ml/internal/report/index';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { runFolder } from '../runs.ts';
import { hasBrowser, launch } from './pages.ts';

const findViolations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

ownCache();

describe.skipIf(!hasBrowser('the tests of reports of several runs'))('reports of several runs in Chromium', () => {
  const root = temporaryFolder();
  const hostile = '<img src=x onerror=document.title=1>';
  const hostileRun = `half"><script>document.title=2<&'`;
  let browser: Browser;
  const addresses = { transfer: '', folds: '', compared: '' };
  const requested: string[] = [];
  const said: string[] = [];

  beforeAll(async () => {
    const shapes = await drawImages(join(root, 'shapes'), { perClass: 20 });
    renameSync(join(shapes, 'square'), join(shapes, hostile));
    const common = { validationFraction: 0.4, testFraction: 0.2, augment: 'none', learningRate: 0.0005 } as const;
    const [start, study, folds] = [join(root, 'start'), join(root, 'transfer'), join(root, 'folds')];
    await runFolder(shapes, start, { ...common, epochs: 1 });
    const weights = join(start, 'best.safetensors');
    for (const [name, config] of Object.entries({
      [`${hostileRun} 0`]: { transferRatio: 0.5, seed: 0 },
      [`${hostileRun} 1`]: { transferRatio: 0.5, seed: 1, validationFraction: 0.4 },
      whole: { transferRatio: 1, seed: 0 },
    })) {
      await runFolder(shapes, join(study, name), { ...common, ...config, weights, epochs: 2 });
    }
    addresses.transfer = pathToFileURL((await writeStudyReport(study)).file).href;
    addresses.compared = pathToFileURL((await writeComparison(study)).file).href;
    const config = { ...common, model: 'conv4', epochs: 1, batchSize: 8, threads: 1, testFraction: 0 };
    for await (const _ of trainFolds(shapes, config, 2, { out: folds }));
    addresses.folds = pathToFileURL((await writeStudyReport(folds)).file).href;
    browser = await launch();
  }, 180_000);

  afterAll(() => browser?.close());
  afterEach(() => {
    const own = new Set(Object.values(addresses));
    expect(requested.splice(0).filter((url) => !own.has(url) && !url.startsWith('data:'))).toEqual([]);
    expect(said.splice(0)).toEqual([]); // what the page's policy refuses would be here
  });

  const pages = ['transfer', 'folds', 'compared'] as const;

  async function open(name: (typeof pages)[number], options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    await page.goto(addresses[name]);
    return page;
  }

  test.each(pages.flatMap((name) => (['light', 'dark'] as const).map((scheme) => [name, scheme] as const)))(
    '%s, %s: axe finds nothing, with what can be opened, too',
    async (name, colorScheme) => {
      const page = await open(name, { colorScheme, bypassCSP: true });
      await page.evaluate(axe);
      expect(await page.evaluate<string[]>(findViolations)).toEqual([]);
      for (const summary of await page.locator('summary').all()) await summary.click();
      expect(await page.evaluate<string[]>(findViolations)).toEqual([]);
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(colorScheme === 'dark' ? 'rgb(21, 24, 28)' : 'rgb(255, 255, 255)');
      await page.context().close();
    },
  );

  test('the runs stand side by side, and hostile names are text', async () => {
    const page = await open('transfer');
    const table = page.getByRole('region', { name: 'The runs' });
    expect(await table.getByRole('rowheader').allTextContents()).toHaveLength(3);
    expect(await table.getByRole('rowheader', { name: hostileRun }).count()).toBe(2);
    expect(await table.getByRole('columnheader', { name: 'transfer-ratio' }).count()).toBe(1);
    const study = page.getByRole('region', { name: 'Partial transfer' });
    expect(await study.getByRole('rowheader').allTextContents()).toEqual(['r = 1', 'r = 0.5, upper frozen']);
    for (const title of ['by epoch', 'against time', 'against operations']) {
      const chart = page.getByRole('img', { name: `Accuracy ${title}, upper blocks frozen` });
      expect((await chart.boundingBox())!.width).toBeGreaterThan(300);
    }
    expect(await page.title()).toContain('Graft report');
  });

  test('a column sorts the runs, and a choice or a brush keeps some of them, in the table as in the charts', async () => {
    const page = await open('compared');
    const names = () => page.locator('#runs tbody tr:visible th').allTextContents();
    const all = await names();
    expect(all).toHaveLength(3);
    await page.getByRole('button', { name: 'transfer-ratio' }).click();
    expect((await names())[0]).toBe('whole');
    await page.getByRole('button', { name: 'transfer-ratio' }).press('Enter');
    expect((await names())[2]).toBe('whole');
    expect(await page.locator('th[aria-sort=ascending]').textContent()).toBe('transfer-ratio');
    await page.getByLabel('transfer-ratio').selectOption('0.5');
    expect(await page.locator('#filter-says').textContent()).toBe('2 of 3 runs');
    expect(await names()).toHaveLength(2);
    expect(await page.locator('.parallel g.out').count()).toBe(1);
    await page.getByRole('button', { name: 'Show all' }).click();
    // A brush over the upper half of the axis of the ratio, which is linear: 1 is at its top.
    const grip = (await page
      .locator('.parallel g[data-axis]', { hasText: 'transfer-ratio' })
      .locator('.grip')
      .boundingBox())!;
    const x = grip.x + grip.width / 2;
    await page.mouse.move(x, grip.y + 1);
    await page.mouse.down();
    await page.mouse.move(x, grip.y + grip.height / 2, { steps: 3 });
    await page.mouse.up();
    expect(await names()).toEqual(['whole']);
    await page.getByRole('button', { name: 'Show all' }).click();
    expect(await names()).toHaveLength(3);
  });

  test('a run under the pointer stands out in every chart', async () => {
    const page = await open('compared');
    await page.locator('#runs tbody tr', { hasText: 'whole' }).hover();
    const key = await page.locator('#runs tbody tr', { hasText: 'whole' }).getAttribute('data-key');
    expect(await page.locator('.parallel g.on').count()).toBe(1);
    const on = await page.locator('.on').evaluateAll((marks) => marks.map((mark) => mark.getAttribute('data-key')));
    expect(new Set(on)).toEqual(new Set([key]));
    expect(on.length).toBeGreaterThan(4);
  });

  test('arrow keys go from run to run, and Escape lets go', async () => {
    const page = await open('compared');
    await page.getByRole('region', { name: 'The runs' }).focus();
    const order = await page
      .locator('#runs tbody tr')
      .evaluateAll((all) => all.map((row) => row.getAttribute('data-key')));
    const chosen = () => page.locator('#runs tbody tr.on').getAttribute('data-key');
    await page.keyboard.press('ArrowDown');
    expect(await chosen()).toBe(order[0]);
    await page.keyboard.press('ArrowDown');
    expect(await chosen()).toBe(order[1]);
    await page.keyboard.press('ArrowUp');
    expect(await chosen()).toBe(order[0]);
    await page.keyboard.press('Escape');
    expect(await page.locator('.on').count()).toBe(0);
  });

  test('the keyboard scrolls a table, opens a cell of the folds’ matrix, and opens the commands', async () => {
    const page = await open('folds');
    const table = page.getByRole('region', { name: 'The folds' });
    await table.focus();
    expect(await page.evaluate<string>("document.activeElement.getAttribute('aria-label')")).toBe('The folds');
    await page.locator('table.matrix button').first().focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('[popover]:popover-open li svg').count()).toBeGreaterThan(0);
    await page.keyboard.press('Escape');
    expect(await page.locator('[popover]:popover-open').count()).toBe(0);
    await page.locator('summary').last().focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('details pre').first().textContent()).toContain('graft train');
  });

  test('every image of the folds is in the matrix once', async () => {
    const page = await open('folds');
    const cells = await page.locator('table.matrix td').allTextContents();
    expect(cells.reduce((sum, text) => sum + (Number(text) || 0), 0)).toBe(60);
  });

  test.each(pages)('%s at 360 px: no sideways scrolling, wide tables scroll by themselves', async (name) => {
    const page = await open(name, { viewport: { width: 360, height: 740 } });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
    const table = `document.querySelector('[aria-label="${name === 'folds' ? 'The folds' : 'The runs'}"]')`;
    const [inner, outer] = await page.evaluate<[number, number]>(`[${table}.scrollWidth, ${table}.clientWidth]`);
    expect([inner > outer, outer <= 360]).toEqual([true, true]);
  });

  test.each(pages)('%s prints on A4, without what only a screen needs, and no table is cut off', async (name) => {
    const page = await open(name, { viewport: { width: 688, height: 1000 } }); // A4 at 96 dots an inch without its margins
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    expect(await page.locator('h2').first().isVisible()).toBe(true);
    const widest = `[...document.querySelectorAll('table,svg,pre,ul')].map((node) => [node.getBoundingClientRect().right, node.outerHTML.slice(0, 80)]).filter(([right]) => right > 688)`;
    expect(await page.evaluate<unknown[]>(widest)).toEqual([]);
  });
});
