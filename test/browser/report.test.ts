/*
 * The report of a run in a real browser: a click and a key open a cell's images, a lasso and keys choose some on the map,
 * nothing is requested, no rule of axe is broken in light or dark, a phone does not scroll sideways, and it prints. Where
 * there is no Chromium, the tests are skipped.
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
  const hostileFile = `000"><script>document.title=2<&'.png`;
  let browser: Browser;
  let address: string;
  const requested: string[] = [];
  const said: string[] = [];

  beforeAll(async () => {
    const shapes = await drawImages(join(root, 'shapes'), { perClass: 20 });
    renameSync(join(shapes, 'square'), join(shapes, hostile));
    renameSync(join(shapes, 'disc/000.png'), join(shapes, 'disc', hostileFile));
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
    await page.keyboard.press('Escape');
    await page.locator('#lasso-choose').click();
    expect(await page.locator('#lasso-chosen li').count()).toBe(48);
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
    await page.keyboard.press('Escape');
    await page.locator('#lasso-choose').click();
    const list = await page.locator('#lasso-chosen .list').boundingBox();
    expect([await width(), list!.x >= 0, list!.x + list!.width <= 360]).toEqual([360, true, true]);
  });

  /** Goes round all points of the map, or round its left half. */
  async function draw(page: Page, part: 'all' | 'left'): Promise<void> {
    const { x, y, width, height } = (await page.locator('svg.map').boundingBox())!;
    const right = part === 'all' ? width - 2 : width / 2;
    await page.mouse.move(x + 2, y + 2);
    await page.mouse.down();
    for (const [across, down] of [[right, 2], [right, height - 2], [2, height - 2]]) {
      await page.mouse.move(x + across!, y + down!, { steps: 4 });
    }
    await page.mouse.up();
  } // biome-ignore format: corners

  const chosen = (page: Page) => page.locator('#lasso-chosen li').count();

  test('a lasso around points lists their images, with thumbnail, label and answer', async () => {
    const page = await open();
    await page.locator('svg.map').scrollIntoViewIfNeeded();
    await draw(page, 'all');
    expect(await chosen(page)).toBe(48);
    expect(await page.locator('#lasso-chosen li svg').count()).toBe(48);
    expect(await page.locator('#lasso-says').textContent()).toMatch(
      /^48 images chosen: .* Of 15 with an answer \d+ are wrong\.$/,
    );
    expect(await page.locator('#lasso-chosen li', { hasText: 'training image' }).count()).toBe(33);
    expect(await page.locator('#lasso-chosen li', { hasText: /label disc/ }).count()).toBeGreaterThan(0);
    const places = await page
      .locator('svg.map g')
      .evaluateAll((marks) => marks.map((mark) => Number(mark.getAttribute('data-x'))));
    await draw(page, 'left');
    const [, , width] = (await page.locator('svg.map').getAttribute('viewBox'))!.split(' ').map(Number);
    expect(await chosen(page)).toBe(places.filter((x) => x < width! / 2).length);
    await page.locator('#lasso-clear').click();
    expect([await chosen(page), await page.locator('#lasso-chosen').isVisible()]).toEqual([0, false]);
  });

  test('by keyboard alone: a class, then its neighbours, then the paths of both', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.locator('#lasso-group').focus();
    await page.locator('#lasso-group').selectOption({ label: 'disc' });
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const ofClass = await chosen(page);
    expect(await page.locator('#lasso-says').textContent()).toContain(`${ofClass} images chosen: ${ofClass} disc.`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await chosen(page)).toBeGreaterThanOrEqual(ofClass);
    await page.locator('#lasso-copy').focus();
    await page.keyboard.press('Enter');
    await page.locator('#lasso-says', { hasText: 'are copied' }).waitFor();
    const copied = (await page.evaluate<string>('navigator.clipboard.readText()')).split('\n');
    expect(copied).toHaveLength(await chosen(page));
    expect(copied.every((path) => existsSync(path))).toBe(true);
  });

  test('names stay text in the list of chosen images', async () => {
    const page = await open();
    await page.locator('#lasso-choose').click();
    const names = await page.locator('#lasso-chosen li span').allTextContents();
    expect(names).toContain(`label ${hostile}`);
    expect(await page.locator('#lasso-chosen img, #lasso-chosen script').count()).toBe(0);
    expect(await page.locator('#lasso-group option', { hasText: hostile }).count()).toBe(1);
    const paths = await page.locator('#lasso-paths').inputValue();
    expect(paths.split('\n').every((path) => existsSync(path))).toBe(true);
    expect(await page.title()).toContain('Graft report');
  });

  test('a finger scrolls past the map, and draws once it is asked to', async () => {
    const page = await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    const touchAction = () =>
      page.evaluate<string>("getComputedStyle(document.querySelector('svg.map')).touchAction");
    expect([await touchAction(), await page.locator('#lasso-draw').getAttribute('aria-pressed')]).toEqual(['auto', 'false']);
    await page.locator('#lasso-draw').tap();
    expect([await touchAction(), await page.locator('#lasso-draw').getAttribute('aria-pressed')]).toEqual(['none', 'true']);
    await page.locator('svg.map').scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await page.locator('svg.map').boundingBox())!;
    const client = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: readonly (readonly [number, number])[]) =>
      client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([px, py]) => ({ x: px, y: py })) });
    await touch('touchStart', [[x + 2, y + 2]]);
    for (const corner of [[x + width - 2, y + 2], [x + width - 2, y + height - 2], [x + 2, y + height - 2]] as const)
      await touch('touchMove', [corner]);
    await touch('touchEnd', []);
    expect(await chosen(page)).toBe(48);
  }); // biome-ignore format: corners

  test('without scripts the page is what it is otherwise, without the lasso', async () => {
    const page = await open({ javaScriptEnabled: false });
    expect(await page.locator('#lasso').isVisible()).toBe(false);
    expect(await page.locator('svg.map').isVisible()).toBe(true);
    await page.locator('table.matrix button').first().click();
    expect(await page.locator('[popover]:popover-open').count()).toBe(1);
  });

  test('it prints on A4, without what only a screen needs', async () => {
    const page = await open();
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    const paper = "getComputedStyle(document.querySelector('svg.graft-chart .paper')).color";
    expect(await page.evaluate<string>(paper)).toBe('rgb(255, 255, 255)');
    expect([await page.locator('nav').isVisible(), await page.locator('#lasso').isVisible()]).toEqual([false, false]);
    expect(await page.locator('h2').first().isVisible()).toBe(true);
  });
});
