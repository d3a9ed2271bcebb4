/*
 * Runs in the browser's private file system: what a store promises, and a fit that goes on after its page was closed. Where
 * there is no Chromium, the tests are skipped.
 */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../images.ts';
import { ask, buildPage, hasBrowser, launch, servePage } from './pages.ts';
import type { StoreCall } from './worker.ts';

describe.skipIf(!hasBrowser('the tests of runs in a browser'))('runs in Chromium', () => {
  const folder = temporaryFolder();
  let browser: Browser;
  let address: string;
  let context: BrowserContext;

  beforeAll(async () => {
    await buildPage(folder);
    browser = await launch();
    ({ address } = await servePage(folder));
  }, 120_000);
  afterAll(() => browser?.close());
  /** A browser of its own, with nothing stored; its pages share what they store. */
  beforeEach(async () => {
    context = await browser.newContext();
  });

  async function open() {
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  /** What a new page comes to when it does these things to a store. The page stays open. */
  async function call(path: string, ...calls: readonly StoreCall[]): Promise<readonly unknown[]> {
    const answer = await ask(await open(), { task: 'store', path, calls });
    if (!('results' in answer)) throw new Error(JSON.stringify(answer));
    return answer.results;
  }

  test('files are replaced, grow, are cut and removed; another page sees them', async () => {
    const first = await call('runs/x', ['names'], ['make'], ['names'], ['replace', 'run.json', '{"a":1}'], ['names']);
    expect(first).toEqual([[], undefined, [], undefined, ['run.json']]);
    const second = await call(
      './runs//x/',
      ['append', 'metrics.jsonl', 'one\n'],
      ['append', 'metrics.jsonl', 'two\n'],
      ['read', 'metrics.jsonl'],
      ['truncate', 'metrics.jsonl', 4],
      ['replace', 'run.json', 'ü'],
    );
    expect(second).toEqual([undefined, undefined, 'one\ntwo\n', undefined, undefined]);
    const third = await call(
      'runs/x',
      ['read', 'metrics.jsonl'],
      ['read', 'run.json'],
      ['remove', 'run.json'],
      ['names'],
    );
    expect(third).toEqual(['one\n', 'ü', undefined, ['metrics.jsonl']]);
    expect(await call('runs', ['names'])).toEqual([['x']]);
    expect(await call('runs/x', ['removeAll'], ['names'])).toEqual([undefined, []]);
  });

  test('what is wrong is said in words', async () => {
    expect(await call('runs/y', ['read', 'run.json'], ['make'], ['read', 'run.json'], ['remove', 'x'])).toEqual([
      'UserError: Cannot read runs/y/run.json: there is no such file.',
      undefined,
      'UserError: Cannot read runs/y/run.json: there is no such file.',
      'UserError: Cannot remove runs/y/x: there is no such file.',
    ]);
    for (const path of ['..', 'runs/../../x', '', '/']) {
      expect(await call(path, ['make'])).toEqual([expect.stringMatching(/^UserError: .*is no place for a run/)]);
    }
  });

  test('one page has the lock until it is closed', async () => {
    expect(await call('runs/z', ['make'], ['lock'])).toEqual([undefined, 'held']);
    const held = 'UserError: runs/z is being trained in another tab or worker. Wait for it, or close it.';
    expect(await call('runs/z', ['lock'], ['assertWritable'])).toEqual([held, held]);
    expect(await call('runs/other', ['make'], ['lock'])).toEqual([undefined, 'held']);
    await context.pages()[0]!.close();
    expect(await call('runs/z', ['assertWritable'], ['lock'])).toEqual([undefined, 'held']);
  });

  test('a fit goes on after its page was closed, and ends bit for bit as one that was not', async () => {
    const whole = await ask(await open(), { task: 'fit', path: 'whole' });
    if (!('weights' in whole)) throw new Error(JSON.stringify(whole));
    expect(whole).toMatchObject({ steps: 24, resumedAt: 0 });
    const page = await open();
    expect(await ask(page, { task: 'fit', path: 'closed', stopAfter: 10 })).toMatchObject({
      steps: 10,
      resumedAt: 0,
    });
    await page.close();
    const rest = await ask(await open(), { task: 'fit', path: 'closed' });
    if (!('weights' in rest)) throw new Error(JSON.stringify(rest));
    expect(rest.resumedAt).toBeGreaterThan(0);
    expect(rest.resumedAt).toBeLessThanOrEqual(10);
    expect(rest.steps).toBe(24 - rest.resumedAt);
    expect(rest.weights).toEqual(whole.weights);
    const logged = (log: string) =>
      log
        .trimEnd()
        .split('\n')
        .map((line) => ({ ...JSON.parse(line), seconds: 0 }));
    expect(logged(rest.log)).toEqual(logged(whole.log));
    expect(logged(rest.log)).toHaveLength(6);
  });
});
