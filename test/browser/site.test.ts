/*
 * The site, built and in a real browser: nothing comes from another host, no rule of axe is broken in light or dark, a
 * phone does not scroll sideways, search finds names and questions, charts and diagrams are drawn. Where there is no
 * Chromium, it is only built.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serveSite } from '../../site/preview.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.CHROMIUM ?? places.find((path) => existsSync(path));
if (executablePath === undefined) {
  console.warn(`No browser in ${places.join(', ')} or CHROMIUM: the tests of the site in a browser are skipped.`);
}
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const findViolations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`;

const pages = ['/', '/cookbook/23-confusion-matrix.html', '/cli.html', '/architecture.html', '/benchmarks.html'];
const apiPages = ['/api/', '/api/graft-ml/optim/', '/api/graft-ml/functions/fit.html'];

test('the site is built, and no link in it is dead', { timeout: 600_000 }, () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build', '-w', 'site'], { cwd: root, encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
});

describe.skipIf(executablePath === undefined)('the site in Chromium', () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveSite>>;
  let address: string;
  const requested: string[] = [];
  const said: string[] = [];

  beforeAll(async () => {
    server = await serveSite(root, 0);
    address = server.resolvedUrls!.local[0]!.replace(/\/$/, '');
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // Chromium has none for root
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(() => {
    expect(requested.splice(0).filter((url) => !url.startsWith(`${address}/`) && !url.startsWith('data:'))).toEqual([]);
    expect(said.splice(0)).toEqual([]);
  });

  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    await page.goto(address + path, { waitUntil: 'networkidle' });
    // VitePress gives buttons their titles when Vue has taken over the page that was built.
    if (!path.startsWith('/api/')) await page.waitForFunction("'__vue_app__' in document.querySelector('#app')");
    return page;
  }

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    test.each([...pages, ...apiPages])('axe finds nothing on %s', async (path) => {
      const page = await open(path, { colorScheme });
      await page.evaluate(axe);
      expect(await page.evaluate<string[]>(findViolations)).toEqual([]);
    });
  });

  test.each([...pages, ...apiPages])('%s does not scroll sideways at 380 px', async (path) => {
    const page = await open(path, { viewport: { width: 380, height: 800 } });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(380);
  });

  test.each([
    ['clipByNorm', '/api/graft-ml/optim/functions/clipByNorm.html'],
    ['confusion matrix', '/cookbook/23-confusion-matrix.html'],
    ['--layer-decay', '/cli.html'],
  ])('search finds %s', async (words, path) => {
    const page = await open('/');
    await page.keyboard.press('/');
    await page.locator('.VPLocalSearchBox input').fill(words);
    const results = page.locator('.VPLocalSearchBox a.result');
    await results.first().waitFor();
    const found = await results.evaluateAll((links) => links.slice(0, 5).map((link) => link.getAttribute('href')));
    expect(found.map((link) => link?.split('#')[0])).toContain(path);
  });

  test('the diagrams of the architecture are drawn', async () => {
    const page = await open('/architecture.html');
    const nodes = page.locator('.diagram').first().locator('svg .node');
    expect(await nodes.filter({ hasText: 'grad — reverse mode' }).count()).toBe(1);
    expect((await nodes.first().boundingBox())!.width).toBeGreaterThan(40);
  });

  test('every chart of the benchmarks is drawn, in the colours of the page', async () => {
    const page = await open('/benchmarks.html', { colorScheme: 'light' });
    const widths = 'Array.from(document.querySelectorAll(".vp-doc img"), ({ naturalWidth }) => naturalWidth)';
    const drawn = await page.evaluate<number[]>(widths);
    expect(drawn.length).toBeGreaterThanOrEqual(13);
    expect(Math.min(...drawn)).toBeGreaterThan(300);
    const corner = async () => {
      const { default: sharp } = await import('sharp');
      const shot = await page.locator('.vp-doc img').first().screenshot();
      return (await sharp(shot).extract({ left: 2, top: 2, width: 1, height: 1 }).removeAlpha().raw().toBuffer())[0]!;
    };
    expect(await corner()).toBeGreaterThan(250);
    await page.locator('.VPSwitchAppearance:visible').click();
    expect(await corner()).toBeLessThan(40);
  });
});
