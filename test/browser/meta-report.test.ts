/*
 * The report of a meta-learning run in a real browser: nothing is requested, no rule of axe is broken in light or dark, a
 * phone does not scroll sideways, episodes open by keyboard, and it prints. Where there is no Chromium, the tests are
 * skipped.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { trainMeta } from 'graft-ml/internal/meta/train-meta';
import { writeMetaReport } from 'graft-ml/internal/report/index';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { hasBrowser, launch } from './pages.ts';

const findViolations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

ownCache();

describe.skipIf(!hasBrowser('the tests of a meta-learning report in a browser'))(
  'a meta-learning report in Chromium',
  () => {
    const root = temporaryFolder();
    let browser: Browser;
    let address: string;
    const requested: string[] = [];
    const said: string[] = [];

    beforeAll(async () => {
      const classes = ['disc', 'square', 'cross', 'ring', 'bar'] as const;
      await drawImages(join(root, 'shapes'), { classes, perClass: 8, side: 16 });
      const shape = {
        model: 'conv4_32',
        imageSize: 16,
        way: 2,
        shots: 2,
        queries: 4,
        metaBatch: 2,
        episodes: 2,
      } as const;
      const course = { metaSteps: 4, validateEvery: 2, testSteps: 3, rotations: 'all', threads: 1 } as const;
      const config = { ...shape, ...course, split: { classes: { train: 3, validation: 1, test: 1 } } };
      const out = join(root, 'run');
      for await (const _ of trainMeta(join(root, 'shapes'), config, { out }));
      address = pathToFileURL((await writeMetaReport(out, { episodes: 6 })).file).href;
      browser = await launch();
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

    test('one episode is open, and the others open by keyboard', async () => {
      const page = await open();
      const episodes = page.locator('details.episode');
      expect(await episodes.count()).toBe(5);
      expect(await episodes.locator('nth=0').getAttribute('open')).toBe('');
      const second = episodes.nth(1);
      expect(await second.locator('img').first().isVisible()).toBe(false);
      await second.locator('summary').focus();
      await page.keyboard.press('Enter');
      const image = second.locator('li.hit img, li.miss img').first();
      expect(await image.isVisible()).toBe(true);
      expect(await image.getAttribute('alt')).toMatch(/: (right|wrong, .+), \d+\u00a0%/);
      const drawn = await page.evaluate(
        "document.querySelectorAll('details.episode')[1].querySelector('li.hit img, li.miss img').naturalWidth",
      );
      expect(drawn).toBe(16);
    });

    test.each(['light', 'dark'] as const)('axe finds nothing in %s', async (colorScheme) => {
      const page = await open({ colorScheme });
      for (const summary of (await page.locator('details.episode summary').all()).slice(1)) await summary.click();
      await page.evaluate(axe);
      expect(await page.evaluate(findViolations)).toEqual([]);
    });

    test('at 360 pixels nothing but tables scrolls sideways', async () => {
      const page = await open({ viewport: { width: 360, height: 740 } });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    });

    test('the way lies within both surfaces', async () => {
      const page = await open();
      for (const name of ['Loss of the support', 'Loss of the queries']) {
        const chart = page.getByRole('img', { name });
        const frame = (await chart.locator('rect.grid').first().boundingBox())!;
        const points = await chart.locator('circle').all();
        expect(points).toHaveLength(4);
        for (const point of points) {
          const { x, y, width, height } = (await point.boundingBox())!;
          expect(x + width / 2).toBeGreaterThan(frame.x);
          expect(x + width / 2).toBeLessThan(frame.x + frame.width);
          expect(y + height / 2).toBeGreaterThan(frame.y);
          expect(y + height / 2).toBeLessThan(frame.y + frame.height);
        }
      }
    });

    test('it prints on A4', async () => {
      const page = await open();
      const pdf = await page.pdf({ format: 'A4', printBackground: true });
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
      expect(pdf.length).toBeGreaterThan(20_000);
    });
  },
);
