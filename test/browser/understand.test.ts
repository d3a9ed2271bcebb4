/*
 * The studio's room to play with the ideas, in a real browser: its numbers are computed in the page, and are those of
 * Node. Where there is no Chromium, the tests are skipped.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { writtenByCode } from '../../packages/studio/src/understand/inner-loop/drawing.ts';
import { startOf, traceLearners } from '../../packages/studio/src/understand/inner-loop/inner-loop.ts';
import { networkPlan } from '../../packages/studio/src/understand/layers/network-plan.ts';
import { ownCache } from '../images.ts';
import { type StartedStudio, startStudio } from '../studio.ts';
import { hasBrowser, launch } from './pages.ts';

const assets = fileURLToPath(new URL('../../packages/graft-ml/assets/starts/omniglot/', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const findViolations = `axe.run('.understand').then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`;

ownCache();

/** The page computes, and other tests run beside this one. */
const patiently = { timeout: 30_000 };

describe.skipIf(!hasBrowser('the tests of Understand'))('Understand in Chromium', () => {
  let browser: Browser;
  let studio: StartedStudio;
  const said: string[] = [];
  const elsewhere: string[] = [];

  beforeAll(async () => {
    studio = await startStudio();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await studio?.end('SIGINT');
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close(); // their workers, too
    expect(said.splice(0)).toEqual([]);
    expect(elsewhere.splice(0)).toEqual([]);
  });

  async function open(topic: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({
      ...{ viewport: { width: 1280, height: 900 }, serviceWorkers: 'block' }, // which would load everything beforehand
      ...options,
    });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (!message.text().includes('blocked by Playwright')) said.push(message.text());
    });
    page.on('pageerror', ({ message }) => said.push(message));
    page.on('request', (request) => {
      if (!request.url().startsWith(studio.address)) elsewhere.push(request.url());
    });
    await page.goto(`${studio.address}#understand`);
    await page.getByRole('navigation', { name: 'Topics' }).getByRole('button', { name: topic }).click();
    return page;
  }

  const block = (page: Page, name: string) =>
    page.locator('button.block').filter({ has: page.locator('b', { hasText: new RegExp(`^${name}$`) }) });

  test('a click on a layer freezes it, a key trains it, and what is said of it is the plan', async () => {
    const page = await open('Freeze and unfreeze');
    const status = page.locator('.topic > [role=status]');
    const saysPlanOf = async (config: Parameters<typeof networkPlan>[0]['config']) => {
      const { stages } = networkPlan({ model: 'conv4', classes: 5, images: 200, config });
      const trained = stages[0]!.blocks.reduce((sum, each) => sum + each.trained, 0).toLocaleString('en');
      await expect.poll(() => status.textContent(), patiently).toContain(`${trained} of `);
    };
    await page.getByLabel('Network').selectOption('conv4');
    await saysPlanOf({ strategy: 'partial' });
    await page.getByLabel('strategy').selectOption('full');
    await saysPlanOf({ strategy: 'full' });
    await block(page, 'layer2').click();
    await saysPlanOf({ strategy: 'full', freeze: ['layer2'] });
    expect(await block(page, 'layer2').getAttribute('aria-pressed')).toBe('false');
    expect(await block(page, 'layer2').textContent()).toMatch(/frozen.*batch norm keeps its statistics/);
    await block(page, 'layer2').press('Space');
    await saysPlanOf({ strategy: 'full' });
    await page.getByLabel('strategy').selectOption('gradual');
    await saysPlanOf({ strategy: 'gradual' });
    expect(await page.getByRole('radio').count()).toBe(4);
    await page.getByLabel('strategy').selectOption('feature-extraction');
    await block(page, 'head').click();
    await expect.poll(() => page.getByRole('alert').textContent(), patiently).toContain('Nothing is trained in head.');
  });

  test('the inner loop in the page is that of Node, after every step', async () => {
    const page = await open('The inner loop');
    const steps = 5;
    const written = (label: number, first: number, count: number) =>
      Array.from({ length: count }, (_, i) => writtenByCode(0, label, first + i));
    const classes = [...'ABCDE'].map((name, label) => ({
      ...{ name, support: written(label, 0, 1), query: written(label, 100, 3) },
    }));
    const run = JSON.parse(readFileSync(`${assets}run.json`, 'utf8'));
    const start = startOf('omniglot', run, readFileSync(`${assets}best.safetensors`));
    const settings = { innerSteps: steps, innerRate: 0.4, statistics: 'support' } as const;
    const runtime = createRuntime({ cache: null, threads: 1, tune: false });
    const { traces } = await traceLearners(
      start,
      { classes, learners: ['maml', 'anil', 'boil'], ...settings },
      runtime,
    );

    await page.locator('.answers').waitFor();
    const numbers = (caption: string) =>
      page
        .getByRole('table', { name: caption })
        .locator('tbody tr')
        .evaluateAll((rows) =>
          rows.map((row) => Array.from(row.querySelectorAll('data'), ({ value }) => Number(value))),
        );
    const slider = page.locator('.player input');
    for (let step = 0; step <= steps; step++) {
      await slider.fill(String(step));
      const expected = traces.map((trace) => [trace.steps[step]!.support.loss, trace.steps[step]!.query.loss]);
      for (const [i, losses] of (await numbers('Loss and accuracy at this step')).entries()) {
        for (const [k, loss] of losses.entries()) expect(Math.abs(loss - expected[i]![k]!)).toBeLessThan(1e-4);
      }
    }
    expect(traces[0]!.steps[1]!.query.loss).toBeLessThan(0.1 * traces[0]!.steps[0]!.query.loss);

    // Layers that a learner does not adapt are where they were, exactly.
    const moved = await numbers('How far each block has moved');
    expect(moved.map(([maml, anil, boil]) => [maml! > 0, anil! > 0, boil! > 0])).toEqual([
      ...Array.from({ length: 4 }, () => [true, false, true]),
      [true, true, false],
    ]);
    expect(moved.slice(0, 4).map(([, anil]) => anil)).toEqual([0, 0, 0, 0]);
    expect(moved[4]![2]).toBe(0);
  });

  test('a task that one draws: by mouse and by keyboard', async () => {
    const page = await open('The inner loop');
    await page.getByLabel('way', { exact: true }).fill('2');
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Draw your own' }).click();
    const status = page.locator('.panel > [role=status]', { hasText: 'There is' });
    expect(await status.textContent()).toContain('nothing to learn from for A, B');
    const pad = page.getByRole('application', { name: /Sketch pad/ });
    const line = async (from: readonly [number, number], to: readonly [number, number]) => {
      const { x, y, width } = (await pad.boundingBox())!;
      await page.mouse.move(x + from[0] * width, y + from[1] * width);
      await page.mouse.down();
      await page.mouse.move(x + to[0] * width, y + to[1] * width, { steps: 8 });
      await page.mouse.up();
    };
    await pad.scrollIntoViewIfNeeded();
    await line([0.2, 0.2], [0.8, 0.8]);
    await page.getByRole('button', { name: 'Add to A' }).click();
    await line([0.2, 0.5], [0.8, 0.5]);
    await line([0.5, 0.2], [0.5, 0.8]);
    await page.getByRole('button', { name: 'Add to B' }).click();
    expect(await status.textContent()).toContain('no query');
    await pad.focus();
    for (const key of ['Space', ...Array(6).fill('ArrowDown'), ...Array(6).fill('ArrowRight'), 'Space', 'Enter'])
      await page.keyboard.press(key);
    await expect.poll(() => page.locator('.answers li').count(), patiently).toBe(1);
    await page.getByRole('button', { name: 'Step on', exact: true }).click();
    expect(await page.locator('.answers li').textContent()).toMatch(/MAML [✓✗] [AB] \d+ %.*ANIL.*BOIL/);
    await page.getByRole('button', { name: 'Play' }).click();
    const said = page.locator('.player label span');
    await expect.poll(() => said.textContent(), patiently).toBe('After 5 of 5 inner steps');
    await page.getByRole('button', { name: 'Play' }).waitFor(); // it stopped by itself
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    expect(await status.textContent()).toContain('no query');
  });

  test('the loss surface can be given up, and the page goes on', async () => {
    const page = await open('The inner loop');
    await page.getByRole('button', { name: 'Compute the surface' }).click();
    await page.locator('label.progress', { hasText: /[1-9]\d* of \d+ losses/ }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.locator('.surface').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Compute the surface' }).isEnabled()).toBe(true);
  });

  test('how much to transfer is measured in the page, can be cancelled, and stays', async () => {
    const page = await open('How much to transfer');
    await page.getByRole('button', { name: 'Measure' }).click();
    await page.getByRole('button', { name: 'Measure again' }).waitFor();
    const rows = page.getByRole('table', { name: 'Every training' }).locator('tbody tr');
    const means = (await rows.locator('b').allTextContents()).map(Number.parseFloat);
    expect(means).toHaveLength(6);
    expect(means[4]!).toBeGreaterThan(means[5]! + 15); // with all that was learned, and without
    expect(await rows.first().textContent()).toContain('head');
    const slider = page.locator('.ratio input');
    await slider.fill('0');
    await expect.poll(() => page.locator('.strip .frozen').count()).toBe(4);
    await page.getByLabel('transferFrozen').selectOption('upper');
    expect(await page.locator('.strip').count()).toBe(0);
    await page.getByRole('button', { name: 'Measure' }).click();
    await page.locator('.strip').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.getByText('trainings so far').count()).toBe(1);
    await page.getByRole('button', { name: 'The inner loop' }).click();
    await page.getByRole('button', { name: 'How much to transfer' }).click();
    await page.getByLabel('transferFrozen').selectOption('lower');
    expect((await rows.locator('b').allTextContents()).map(Number.parseFloat)).toEqual(means);
  });

  test('axe finds nothing in light and dark, and 360 px are enough', async () => {
    const page = await open('Freeze and unfreeze', { bypassCSP: true, viewport: { width: 360, height: 740 } });
    await page.evaluate(axe);
    for (const [topic, ready] of [
      ['Freeze and unfreeze', 'button.block'],
      ['The inner loop', '.answers'],
      ['How much to transfer', '.strip'],
    ] as const) {
      await page.getByRole('button', { name: topic }).click();
      if (topic === 'How much to transfer') await page.getByRole('button', { name: 'Measure' }).click();
      await page.locator(ready).first().waitFor();
      await page.locator('details').evaluateAll((all) => {
        for (const each of all) each.setAttribute('open', '');
      });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await page.evaluate<string[]>(findViolations), `${topic}, ${colorScheme}`).toEqual([]);
      }
      expect(await page.evaluate<number>('document.documentElement.scrollWidth'), topic).toBe(360);
    }
  });
});
