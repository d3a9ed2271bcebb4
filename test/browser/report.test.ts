/*
 * The report of a run in a real browser: a click and a key open a cell's images, nothing is requested, no rule of axe is
 * broken in light or dark, a phone does not scroll sideways, and it prints. Where there is no Chromium, the tests are
 * skipped.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeReport } from 'graft-ml/internal/report/index';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { runFolder } from '../runs.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.CHROMIUM ?? places.find((path) => existsSync(path));
if (executablePath === undefined) {
  console.warn(`No browser in ${places.join(', ')} or CHROMIUM: the tests of the report in a browser are skipped.`);
}
const findViolations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

ownCache();

describe.skipIf(executablePath === undefined)('a report in Chromium', () => {
  const root = temporaryFolder();
  const hostile = '<img src=x onerror=document.title=1>';
  let browser: Browser;
  let address: string;
  const requested: string[] = [];
  const said: string[] = [];

  beforeAll(async () => {
    const shapes = await drawImages(join(root, 'shapes'), { perClass: 20 });
    renameSync(join(shapes, 'square'), join(shapes, hostile));
    const run = join(root, 'run');
    await runFolder(shapes, run, { validationFraction: 0.3, testFraction: 0.2, epochs: 1, learningRate: 0.0005 });
    address = pathToFileURL((await writeReport(run)).file).href;
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // Chromium has none for root
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args });
  }, 120_000);

  afterAll(() => browser?.close());
  afterEach(() => {
    expect(requested.splice(0).filter((url) => url !== address && !url.startsWith('data:'))).toEqual([]);
    expect(said.splice(0)).toEqual([]); // an image or a style that the page's policy refuses would be here
  });

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    await page.goto(address);
    return page;
  }

  test('a click on a cell opens its images, and Escape closes them', async () => {
    const page = await open();
    const button = page.locator('table.matrix button').first();
    const gallery = page.locator(`#${await button.getAttribute('popovertarget')}`);
    expect(await gallery.isVisible()).toBe(false);
    await button.click();
    expect(await gallery.isVisible()).toBe(true);
    expect(await gallery.locator('li svg').count()).toBe(Number(await button.textContent()));
    const box = await gallery.locator('li svg').first().boundingBox();
    expect([box!.width > 60, box!.height > 60]).toEqual([true, true]);
    await page.keyboard.press('Escape');
    expect(await gallery.isVisible()).toBe(false);
  });

  test('the thumbnail is the image: it is drawn, and not one colour', async () => {
    const page = await open();
    const shot = await page.locator('.images svg:visible').first().screenshot();
    const { default: sharp } = await import('sharp');
    const { channels } = await sharp(shot).removeAlpha().stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(8);
  });

  test('the pointer on a point of the map shows its image', async () => {
    const page = await open();
    const point = page.locator('svg.map g:has(use)').last();
    expect(await point.locator('use').isVisible()).toBe(false);
    await point.locator('circle').hover();
    expect(await point.locator('use').isVisible()).toBe(true);
  });

  test('the keyboard does the same: Tab to a cell, Enter, Tab to Close, Enter', async () => {
    const page = await open();
    await page.locator('table.matrix button').first().focus();
    await page.keyboard.press('Enter');
    const close = page.locator('[popover]:popover-open button');
    expect(await close.count()).toBe(1);
    await page.keyboard.press('Tab');
    expect(await page.locator('[popover]:popover-open button:focus').count()).toBe(1);
    await page.keyboard.press('Enter');
    expect(await page.locator('[popover]:popover-open').count()).toBe(0);
  });

  test('a hostile class name is text', async () => {
    const page = await open();
    expect(await page.title()).toContain('Graft report');
    expect(await page.getByRole('rowheader', { name: hostile }).count()).toBeGreaterThan(0);
  });

  test.each(['light', 'dark'] as const)('%s: axe finds nothing, closed and with images open', async (colorScheme) => {
    const page = await open({ colorScheme, bypassCSP: true });
    await page.evaluate(axe);
    const violations = () => page.evaluate<string[]>(findViolations);
    expect(await violations()).toEqual([]);
    await page.locator('table.matrix button').first().click();
    expect(await violations()).toEqual([]);
    const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(colorScheme === 'dark' ? 'rgb(21, 24, 28)' : 'rgb(255, 255, 255)');
  });

  test('360 px: no sideways scrolling, also with images open', async () => {
    const page = await open({ viewport: { width: 360, height: 740 } });
    const width = () => page.evaluate<number>('document.documentElement.scrollWidth');
    expect(await width()).toBe(360);
    await page.locator('table.matrix button').first().click();
    const box = await page.locator('[popover]:popover-open').boundingBox();
    expect([await width(), box!.x >= 0, box!.x + box!.width <= 360]).toEqual([360, true, true]);
  });

  test('it prints on A4, without what only a screen needs', async () => {
    const page = await open();
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    expect(await page.locator('h2').first().isVisible()).toBe(true);
  });
});
