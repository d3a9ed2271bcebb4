/*
 * Training in a page, in a worker: the same files as Node's, the same numbers to rounding, and back. Where there is no
 * Chromium, the tests are skipped.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { openRun } from 'graft-ml/evaluate';
import { adaptMeta, testMeta, trainMeta } from 'graft-ml/meta';
import { trainFolder } from 'graft-ml/train';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { metricsOf, smallRun } from '../runs.ts';
import { buildPage, hasBrowser, isolation, launch, servePage } from './pages.ts';
import type { SentImages, Tools } from './training/page.ts';

ownCache();

/** The page's own, inside `page.evaluate`. */
declare const tools: Tools;

/** Meta-learning on five shapes, two at a time. */
const smallMeta: MetaConfigInput = {
  learner: 'maml',
  model: 'conv4_32',
  imageSize: 28,
  split: { classes: { train: 2, validation: 2, test: 1 } },
  rotations: 'train',
  way: 2,
  shots: 1,
  queries: 2,
  innerSteps: 2,
  testSteps: 1,
  metaSteps: 4,
  metaBatch: 2,
  validateEvery: 2,
  episodes: 4,
  threads: 1,
  seed: 3,
};

/** The images of a folder, to be sent to a page. */
function sent(folder: string): SentImages {
  const content = (name: string) => {
    const files = readdirSync(join(folder, name)).map((file) => [
      file,
      readFileSync(join(folder, name, file)).toString('base64'),
    ]);
    return Object.fromEntries(files);
  };
  return Object.fromEntries(readdirSync(folder).map((name) => [name, content(name)]));
}

describe.skipIf(!hasBrowser('the tests of training in a browser'))('training in Chromium', () => {
  const root = temporaryFolder();
  const shapes = join(root, 'shapes');
  let images: SentImages;
  let browser: Browser;
  let address: string;
  let context: BrowserContext;

  beforeAll(async () => {
    const folder = join(root, 'page');
    await drawImages(shapes, { perClass: 12 });
    images = sent(shapes);
    await buildPage(folder, fileURLToPath(new URL('./training/', import.meta.url)));
    cpSync(
      join(fileURLToPath(new URL('../../packages/graft-ml/assets/starts', import.meta.url))),
      join(folder, 'starts'),
      {
        recursive: true,
      },
    );
    browser = await launch();
    ({ address } = await servePage(folder));
  }, 120_000);
  afterAll(() => browser?.close());
  beforeEach(async () => {
    context = await browser.newContext();
  });

  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  /** Trains in a page; with `stopAfter`, until so many steps were taken. Returns the kinds of the events. */
  function train(page: Page, out: string, how: { resume?: boolean; stopAfter?: number; config?: object } = {}) {
    return page.evaluate(
      async ({ images, out, resume, stopAfter, config }) => {
        const graft = tools.connect();
        const collected = tools.collection(images);
        const controller = new AbortController();
        const { signal } = controller;
        const events = resume
          ? graft.resume(out, collected, { signal })
          : graft.train(collected, config, { out, signal });
        const kinds: string[] = [];
        let steps = 0;
        for await (const event of events) {
          kinds.push(event.kind);
          if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
        }
        graft.close();
        return kinds;
      },
      { images, out, resume: false, stopAfter: 1e9, config: { ...smallRun, threads: null }, ...how },
    );
  }

  /** Meta-trains in a page; with `stopAfter`, until so many steps were taken. Returns the kinds of the events. */
  function metaTrain(
    page: Page,
    own: SentImages,
    out: string,
    how: { config?: MetaConfigInput; resume?: boolean; stopAfter?: number; isCancelled?: boolean } = {},
  ) {
    return page.evaluate(
      async ({ images, config, out, resume, stopAfter, isCancelled }) => {
        const graft = tools.connect();
        const collected = tools.collection(images);
        const controller = new AbortController();
        const { signal } = controller;
        const stages = new Set<string>();
        const onProgress = ({ stage }: { readonly stage: string }) => {
          stages.add(stage);
          if (isCancelled) controller.abort();
        };
        const options = { signal, onProgress };
        const events = resume
          ? graft.resumeMeta(out, collected, options)
          : graft.trainMeta(collected, config, { out, ...options });
        const kinds: string[] = [];
        let steps = 0;
        for await (const event of events) {
          kinds.push(event.kind);
          if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
        }
        graft.close();
        return { kinds, stages: [...stages] };
      },
      { images: own, config: smallMeta, out, resume: false, stopAfter: 1e9, isCancelled: false, ...how },
    );
  }

  /** Writes a run of the page into a folder. */
  async function download(page: Page, run: string, folder: string): Promise<void> {
    const files = await page.evaluate(async (path) => {
      const graft = tools.connect();
      const found = await graft.readRunFiles(path);
      graft.close();
      return [...found].map(([name, bytes]) => [name, tools.base64Of(bytes)] as const);
    }, run);
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(folder, name), Buffer.from(content, 'base64'));
  }

  /** What a run of the page says of every image: probabilities by path. */
  function probabilities(page: Page, run: string): Promise<Readonly<Record<string, readonly number[]>>> {
    return page.evaluate(
      async ({ images, run }) => {
        const graft = tools.connect();
        const classifier = await graft.open(run);
        const { results } = await classifier.evaluate(tools.collection(images));
        await classifier.close();
        graft.close();
        return Object.fromEntries(results.map(({ path, probabilities: own }) => [path, Array.from(own)]));
      },
      { images, run },
    );
  }

  async function ofNode(run: string): Promise<Readonly<Record<string, readonly number[]>>> {
    await using classifier = await openRun(run);
    const paths = Object.entries(images).flatMap(([name, files]) =>
      Object.keys(files).map((file) => `${name}/${file}`),
    );
    const all: Record<string, readonly number[]> = {};
    for await (const { path, probabilities: own } of classifier.predict(paths.map((path) => join(shapes, path)))) {
      all[path.slice(shapes.length + 1)] = Array.from(own!);
    }
    return all;
  }

  function expectClose(a: Readonly<Record<string, readonly number[]>>, b: typeof a, most = 1e-4): void {
    expect(Object.keys(a).sort()).toEqual(Object.keys(b).sort());
    for (const [path, own] of Object.entries(a)) {
      for (const [i, value] of own.entries()) expect(Math.abs(value - b[path]![i]!), `${path} ${i}`).toBeLessThan(most);
    }
  }

  test('a run made in a page opens in Node, and is the run that Node makes of the same images', async () => {
    const page = await open();
    const kinds = await train(page, 'runs/shapes');
    expect([kinds[0], kinds.at(-1)]).toEqual(['ready', 'end']);
    expect(await page.evaluate(() => tools.connect().listRuns())).toEqual(['runs/shapes']);
    const fromPage = join(root, 'from-page');
    await download(page, 'runs/shapes', fromPage);
    const own = join(root, 'own');
    for await (const _ of trainFolder(shapes, smallRun, { out: own }));
    const [a, b] = [fromPage, own].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as Run);
    expect(a!.dataset).toEqual(b!.dataset);
    expect(a!.classes).toEqual(b!.classes);
    expect(a!.versions.browser).toMatch(/Chrome/);
    expect(readdirSync(fromPage).sort()).toEqual(
      readdirSync(own)
        .filter((name) => name !== 'resources.json')
        .sort(),
    );
    const [left, right] = [metricsOf(fromPage), metricsOf(own)];
    expect(left).toHaveLength(3);
    // The kernels are others, so sums are rounded in another order: a few steps leave losses near each other.
    for (const [i, line] of left.entries()) expect(line.loss).toBeCloseTo(right[i]!.loss as number, 2);
    expectClose(await probabilities(page, 'runs/shapes'), await ofNode(fromPage));
  }, 120_000);

  test('a run of Node opens in a page, and says the same of every image', async () => {
    const own = join(root, 'of-node');
    for await (const _ of trainFolder(shapes, smallRun, { out: own }));
    const files = readdirSync(own).map((name) => [name, readFileSync(join(own, name)).toString('base64')] as const);
    const page = await open();
    await page.evaluate(async (sentFiles) => {
      const graft = tools.connect();
      await graft.writeRunFiles('runs/node', new Map(sentFiles.map(([name, text]) => [name, tools.bytesOf(text)])));
      graft.close();
    }, files);
    expectClose(await probabilities(page, 'runs/node'), await ofNode(own));
  }, 120_000);

  test('a run whose page was closed goes on, and ends bit for bit', async () => {
    const page = await open();
    await train(page, 'runs/whole');
    const first = await open();
    await train(first, 'runs/cut', { stopAfter: 4 });
    await first.close();
    const kinds = await train(await open(), 'runs/cut', { resume: true });
    expect(kinds.at(-1)).toBe('end');
    const [whole, cut] = [join(root, 'whole'), join(root, 'cut')];
    await download(page, 'runs/whole', whole);
    await download(page, 'runs/cut', cut);
    for (const name of ['best.safetensors', 'last.safetensors']) {
      expect(readFileSync(join(cut, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
    }
    expect(metricsOf(cut)).toEqual(metricsOf(whole));
  }, 120_000);

  test('strategies start from kept weights; features of frozen layers are kept; an exported model says the same', async () => {
    const page = await open();
    await train(page, 'runs/start');
    const answer = await page.evaluate(
      async ({ images, config }) => {
        const graft = tools.connect();
        const files = await graft.readRunFiles('runs/start');
        const weights = await graft.keepWeights({
          name: 'start.safetensors',
          content: new Blob([files.get('best.safetensors') as Uint8Array<ArrayBuffer>]),
        });
        const collected = tools.collection(images);
        const stages: string[] = [];
        const features: number[] = [];
        for (const out of ['runs/head', 'runs/again']) {
          let computed = 0;
          const onProgress = ({ stage }: { readonly stage: string }) => {
            if (stage === 'extracting features') computed++;
          };
          const events = graft.train(
            collected,
            { ...config, weights, strategy: 'feature-extraction' },
            { out, onProgress },
          );
          for await (const event of events) if (event.kind === 'stage') stages.push(event.name);
          features.push(computed);
        }
        const classifier = await graft.open('runs/head');
        const [name, own] = Object.entries(collected)[0]!;
        const file = own[0] as File;
        const { classes } = await classifier.classify(file);
        const [explained] = await tools.all(classifier.explain([file], { method: 'gradcam' }));
        const vectors = await tools.all(classifier.features([file]));
        const swapped = { ...collected, [name]: [...own.slice(1), ...Object.values(collected)[1]!.slice(0, 1)] };
        const [suspect] = await classifier.labelIssues(swapped as typeof collected);
        const model = (await classifier.toOnnx()) as Uint8Array<ArrayBuffer>;
        const predictor = await tools.loadPredictor(model);
        const exported = await predictor.predict(file);
        await classifier.close();
        const wrong = await graft
          .train(collected, { ...config, weights: 'weights/none.safetensors', strategy: 'full' }, { out: 'runs/none' })
          .next()
          .catch((error: Error) => [error.name, error.message]);
        graft.close();
        return {
          weights,
          stages,
          features,
          name,
          classes,
          exported,
          wrong,
          heat: explained && !explained.problem && explained.normalised.shape,
          width: vectors[0]!.features!.length,
          suspect,
          wrongOne: `${name}/${Object.values(collected)[1]![0]!.name}`,
        };
      },
      { images, config: { ...smallRun, threads: null } },
    );
    expect(answer.weights).toBe('weights/start.safetensors');
    expect(answer.stages).toEqual(['head', 'head']);
    expect(answer.features[0]).toBeGreaterThan(answer.features[1]!);
    expect(answer.heat).toEqual([28, 28]);
    expect(answer.width).toBeGreaterThan(10);
    expect(answer.suspect).toMatchObject({ path: answer.wrongOne, given: answer.name });
    for (const { name, probability } of answer.exported) {
      expect(answer.classes.find((one) => one.name === name)!.probability).toBeCloseTo(probability, 5);
    }
    expect(answer.wrong).toEqual(['OptionError', expect.stringContaining('weights/none.safetensors')]);
  }, 180_000);

  test('a start is adapted from five images of each class as in Node; so are features of pretrained weights', async () => {
    const page = await open();
    const few = Object.fromEntries(
      Object.entries(images).map(([name, files]) => [name, Object.fromEntries(Object.entries(files).slice(0, 5))]),
    );
    await train(page, 'runs/start');
    const answer = await page.evaluate(
      async ({ images, few }) => {
        const graft = tools.connect();
        const support = tools.collection(few);
        const adapted = await graft.adapt('omniglot', support, { out: 'runs/few', startsAt: './starts/' });
        const start = { model: 'conv4', weights: 'runs/start' };
        const means = await graft.adapt(start, support, { out: 'runs/means' });
        const accuracies: number[] = [];
        for (const run of ['runs/few', 'runs/means']) {
          const classifier = await graft.open(run);
          accuracies.push((await classifier.evaluate(tools.collection(images))).accuracy);
          await classifier.close();
        }
        graft.close();
        return { adapted, means, accuracies };
      },
      { images, few },
    );
    expect(answer.adapted).toMatchObject({ learner: 'maml', out: 'runs/few' });
    expect(answer.means).toMatchObject({ learner: 'nearest-centroid', steps: null });
    expect(answer.accuracies[1]).toBeGreaterThan(0.6);
    const support = join(root, 'few');
    for (const [name, files] of Object.entries(few)) {
      mkdirSync(join(support, name), { recursive: true });
      for (const [file, text] of Object.entries(files)) {
        writeFileSync(join(support, name, file), Buffer.from(text, 'base64'));
      }
    }
    const own = join(root, 'few-run');
    const { run } = await adaptMeta('omniglot', support, { out: own });
    expect({ ...answer.adapted.run.dataset }).toEqual(run.dataset);
    expect(answer.adapted.run.weightsSha256).toBe(run.weightsSha256);
    expectClose(await probabilities(page, 'runs/few'), await ofNode(own), 2e-3);
    const fromPage = join(root, 'few-page');
    await download(page, 'runs/few', fromPage);
    expectClose(await probabilities(page, 'runs/few'), await ofNode(fromPage));
  }, 180_000);

  test('meta-learning in a page is Node’s to rounding; it is resumed bit for bit, and adapted here and there', async () => {
    const folder = join(root, 'five');
    await drawImages(folder, { classes: ['bar', 'cross', 'disc', 'ring', 'square'], perClass: 6 });
    const five = sent(folder);
    const page = await open();
    const { kinds, stages } = await metaTrain(page, five, 'runs/meta');
    expect([kinds[0], kinds.at(-1)]).toEqual(['ready', 'end']);
    expect(stages).toContain('decoding images');
    const [fromPage, own] = [join(root, 'meta-page'), join(root, 'meta-own')];
    await download(page, 'runs/meta', fromPage);
    for await (const _ of trainMeta(folder, smallMeta, { out: own }));
    const [a, b] = [fromPage, own].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as MetaRun);
    expect(a!.dataset).toEqual(b!.dataset);
    expect(a!.dataset).toMatchObject({ split: '2/2/1', train: { classes: 8, images: 12 } });
    expect(a!.config).toEqual(b!.config);
    const [left, right] = [metricsOf(fromPage), metricsOf(own)];
    expect(left).toHaveLength(2);
    for (const [i, line] of left.entries()) {
      expect(Math.abs((line.loss as number) - (right[i]!.loss as number))).toBeLessThan(1e-3);
    }

    const first = await open();
    await metaTrain(first, five, 'runs/meta-cut', { stopAfter: 1 });
    await first.close();
    expect((await metaTrain(await open(), five, 'runs/meta-cut', { resume: true })).kinds.at(-1)).toBe('end');
    const cut = join(root, 'meta-cut');
    await download(page, 'runs/meta-cut', cut);
    for (const name of ['best.safetensors', 'last.safetensors']) {
      expect(readFileSync(join(cut, name)).equals(readFileSync(join(fromPage, name))), name).toBe(true);
    }

    const answer = await page.evaluate(async (images) => {
      const graft = tools.connect();
      const adapted = await graft.adapt('runs/meta', tools.collection(images), { out: 'runs/meta-adapted' });
      const { status } = await graft.readMetaRun('runs/meta');
      graft.close();
      return { learner: adapted.learner, steps: adapted.steps, status };
    }, images);
    const tested = await page.evaluate(async (images) => {
      const graft = tools.connect();
      const test = await graft.testMeta('runs/meta', tools.collection(images), { side: 'validation', episodes: 6 });
      graft.close();
      return test;
    }, five);
    const there = await testMeta(fromPage, { folder, split: smallMeta.split, side: 'validation', episodes: 6 });
    expect(tested.perStep).toHaveLength(2);
    for (const [step, { loss }] of tested.perStep.entries()) {
      expect(Math.abs(loss.mean - there.perStep[step]!.loss.mean), `after ${step} steps`).toBeLessThan(1e-3);
    }
    expect(answer).toEqual({ learner: 'maml', steps: 10, status: 'done' });
    const inNode = join(root, 'meta-adapted');
    await adaptMeta(fromPage, shapes, { out: inNode });
    expectClose(await probabilities(page, 'runs/meta-adapted'), await ofNode(inNode), 2e-3);
  }, 180_000);

  test('fixed labels and baselines in a page are Node’s, too; what is cancelled leaves nothing; errors arrive in words', async () => {
    const page = await open();
    const subsets: MetaConfigInput = {
      ...{ learner: 'fomaml', model: 'conv4_32', imageSize: 28, fixedLabels: true, shots: 1, queries: 1 },
      ...{ innerSteps: 1, testSteps: 1, metaSteps: 1, metaBatch: 1, episodes: 2, threads: 1 },
    };
    const baseline: MetaConfigInput = {
      ...{ learner: 'nearest-centroid', model: 'conv4_32', imageSize: 28, way: 3, shots: 2, queries: 2 },
      ...{ episodes: 2, threads: 1 },
    };
    for (const [name, config] of Object.entries({ subsets, baseline })) {
      expect((await metaTrain(page, images, `runs/${name}`, { config })).kinds.at(-1)).toBe('end');
      const [fromPage, own] = [join(root, `${name}-page`), join(root, `${name}-own`)];
      await download(page, `runs/${name}`, fromPage);
      for await (const _ of trainMeta(shapes, config, { out: own }));
      const [a, b] = [fromPage, own].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as MetaRun);
      expect(a!.dataset).toEqual(b!.dataset);
      expect(Math.abs(a!.best!.loss - b!.best!.loss)).toBeLessThan(1e-3);
    }

    expect((await metaTrain(page, images, 'runs/cancelled', { isCancelled: true })).kinds).toEqual(['cancelled']);
    expect(await page.evaluate(() => tools.connect().listRuns())).toEqual(['runs/baseline', 'runs/subsets']);
    const wrong = { ...smallMeta, split: { classes: { train: 1, validation: 1, test: 1 } } };
    await expect(metaTrain(page, images, 'runs/wrong', { config: wrong })).rejects.toThrow(
      'UserError: 2-way episodes with 1 + 2 images of each class need 2 classes of 3 images; the validation side has 1',
    );
    const unknown = { ...smallMeta, model: 'conv9' };
    await expect(metaTrain(page, images, 'runs/wrong', { config: unknown })).rejects.toThrow(/OptionError: .*conv9/);
  }, 90_000);

  test('a model of one’s own program is trained, kept as a run, and opens in Node', async () => {
    const page = await open();
    const { run, loaded } = await page.evaluate((images) => tools.fitModel(images, 'runs/own', 2), images);
    expect(loaded).toEqual(['cross', 'disc', 'square']);
    expect(run.dataset).toMatchObject({ train: 30, validation: 6 });
    const fromPage = join(root, 'own-model');
    await download(page, 'runs/own', fromPage);
    expectClose(await probabilities(page, 'runs/own'), await ofNode(fromPage));
    await using classifier = await openRun(fromPage);
    expect(classifier.seen).toMatchObject({ isComplete: true, history: ['fit'] });
  }, 120_000);

  test('two hundred steps take no more memory than forty', async () => {
    const isolated = await servePage(join(root, 'page'), isolation);
    const page = await context.newPage();
    await page.goto(isolated.address);
    const used = await page.evaluate(async (images) => {
      const measured: number[] = [];
      // What is garbage, or being compiled, is gone in the least of several measurements.
      const measure = async () => {
        const measuring = performance as unknown as {
          measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }>;
        };
        const bytes: number[] = [];
        for (let i = 0; i < 3; i++) bytes.push((await measuring.measureUserAgentSpecificMemory()).bytes);
        measured.push(Math.min(...bytes));
      };
      await tools.fitModel(images, 'runs/long', 67, async (steps) => {
        if (steps === 40 || steps === 200) await measure();
      });
      return measured;
    }, images);
    expect(used).toHaveLength(2);
    expect(used[1]! - used[0]!, used.join(', ')).toBeLessThan(4 * 2 ** 20);
  }, 120_000);
});
