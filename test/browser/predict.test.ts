/*
 * Exported models in a page: the same classes with the same probabilities as in Node, whatever form an image has. Where
 * there is no Chromium, the tests are skipped.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRun } from 'graft-ml/evaluate';
import { exportClassifier } from 'graft-ml/export';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { runFolder, smallRun } from '../runs.ts';
import { ask, buildPage, hasBrowser, launch, servePage } from './pages.ts';

ownCache();

describe.skipIf(!hasBrowser('the tests of exported models in a browser'))('an exported model in Chromium', () => {
  const folder = temporaryFolder();
  const root = temporaryFolder();
  const run = join(root, 'run');
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await buildPage(folder);
    await drawImages(join(root, 'shapes'), { perClass: 8, side: 40 });
    await runFolder(join(root, 'shapes'), run, { ...smallRun, epochs: 2 });
    await using classifier = await openRun(run, { threads: 1 });
    await exportClassifier(classifier, join(folder, 'model.onnx'));
    writeFileSync(join(folder, 'other.onnx'), 'no model');
    browser = await launch();
    page = await browser.newPage();
    await page.goto((await servePage(folder)).address);
  }, 180_000);
  afterAll(() => browser?.close());

  test('says of a file, of pixels and of a canvas what the run says in Node', async () => {
    const [name] = readdirSync(join(root, 'shapes'));
    const [image] = readdirSync(join(root, 'shapes', name!));
    const file = readFileSync(join(root, 'shapes', name!, image!));
    await using classifier = await openRun(run, { threads: 1 });
    const { classes: expected } = await classifier.classify(file, { top: classifier.classes.length });
    const answer = await ask(page, { task: 'predict', model: '/model.onnx', bytes: [...file] });
    if (!('predictions' in answer)) throw new Error(JSON.stringify(answer));
    expect(answer.predictions).toHaveLength(6);
    for (const predicted of answer.predictions) {
      expect(predicted.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
      for (const [i, { probability }] of predicted.entries())
        expect(Math.abs(probability - expected[i]!.probability)).toBeLessThan(1e-4);
    }
  });

  test.each([
    ['/nowhere.onnx', /cannot be fetched: the server answers 404/],
    ['/other.onnx', /ONNX: the file is damaged|does not say its classes/],
  ])('%s is refused in words', async (model, words) => {
    const answer = await ask(page, { task: 'predict', model, bytes: [] });
    expect(answer).toEqual({ error: expect.stringMatching(words) });
  });
});
