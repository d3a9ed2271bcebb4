/*
 * Training and looking at images in a page, in Chromium with WebAssembly, beside Node on the same machine.
 *   npm run build
 *   node dist/bench/page.js trashnet ../shared     # probe and full fine-tuning, page and Node: bench/results/page.json
 *   node dist/bench/page.js omniglot ../shared FOLDER   # adapting the start omniglot: bench/results/page-omniglot.json
 *   node dist/bench/page.js live ../shared 60      # live prediction for so many minutes: bench/results/page-live.json
 * FOLDER is images_evaluation of Omniglot, unpacked. `../shared` is a folder with data/trashnet_600 and weights/squeezenet1_1_imagenet1k.safetensors.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { evaluateFolder, openRun, wilsonInterval } from 'graft-ml/evaluate';
import { adaptMeta } from 'graft-ml/meta';
import { type TrainConfigInput, trainFolder } from 'graft-ml/train';
import { type PreviewServer, preview } from 'vite';
import { buildPage, launch } from '../test/browser/chromium.ts';
import type { SentImages, Tools } from '../test/browser/training/page.ts';

/** The page's own, inside `page.evaluate`. */
declare const tools: Tools;

const [what, shared = '../shared', third = '60'] = process.argv.slice(2);
const dataset = join(shared, 'data/trashnet_600');
const weightsFile = join(shared, 'weights/squeezenet1_1_imagenet1k.safetensors');
const classes = () =>
  readdirSync(dataset, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** The images of a dataset, to be sent to a page. @param most of each class */
function sent(most = Number.POSITIVE_INFINITY): SentImages {
  const ofClass = (name: string) => {
    const files = readdirSync(join(dataset, name)).sort().slice(0, most);
    return Object.fromEntries(files.map((file) => [file, readFileSync(join(dataset, name, file)).toString('base64')]));
  };
  return Object.fromEntries(classes().map((name) => [name, ofClass(name)]));
}

const weights = () => readFileSync(weightsFile).toString('base64');

async function openPage(folder: string, keepsWorker = false) {
  await buildPage(folder, resolve('test/browser/training'));
  cpSync(resolve('packages/graft-ml/assets/starts'), join(folder, 'starts'), { recursive: true });
  const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server: PreviewServer = await preview({
    configFile: false,
    build: { outDir: folder },
    preview: { port: 0, headers: isolated },
  });
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(server.resolvedUrls!.local[0]!);
  if (keepsWorker) await page.evaluate(() => Object.assign(globalThis, { graft: tools.connect() }).graft.listRuns());
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { page, close, version: browser.version() };
}

const folder = mkdtempSync(join(tmpdir(), 'graft-page-'));
try {
  if (what === 'trashnet') await trashnet();
  else if (what === 'omniglot') await omniglot(third);
  else if (what === 'live') await live(Number(third));
  else throw new Error('Name what to measure: trashnet, omniglot or live.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Both strategies on the same images, split and seed. Nothing is fitted or chosen on the test part. */
async function trashnet(): Promise<void> {
  const common = { model: 'squeezenet1_1', seed: 1, batchSize: 16, testFraction: 0.2, epochs: 8 } as const;
  const configs: Readonly<Record<string, TrainConfigInput>> = {
    probe: { ...common, strategy: 'feature-extraction', epochs: 20 },
    full: { ...common, strategy: 'full' },
  };
  const { page, close, version } = await openPage(join(folder, 'page'));
  const rows: Record<string, object> = {};
  const images = sent();
  for (const [name, config] of Object.entries(configs)) {
    const out = join(folder, name);
    const inNode = performance.now();
    const options = { cache: null };
    for await (const event of trainFolder(
      dataset,
      { ...config, weights: resolve(weightsFile), threads: 1 },
      { ...options, out },
    )) {
      if (event.kind === 'evaluation') console.log(`node ${name}`, event.epoch, event.accuracy);
    }
    const nodeSeconds = (performance.now() - inNode) / 1000;
    const node = await evaluateFolder(out, dataset, { part: 'test', cache: null });
    const inPage = performance.now();
    const there = await page.evaluate(
      async ({ images: files, weights: bytes, config: own, name: run }) => {
        const graft = tools.connect();
        const content = new Blob([tools.bytesOf(bytes)]);
        const kept = await graft.keepWeights({ name: 'squeezenet1_1.safetensors', content });
        const collected = tools.collection(files);
        const started = performance.now();
        for await (const event of graft.train(collected, { ...own, weights: kept }, { out: `runs/${run}` })) {
          if (event.kind === 'evaluation') console.log(run, event.epoch, event.accuracy);
        }
        const seconds = (performance.now() - started) / 1000;
        const { seed = 0, testFraction = 0 } = own;
        const { dataset: divided, classes: names } = await tools.openCollection(collected, { seed, testFraction });
        const test = Object.fromEntries(
          names.map((each, label) => [
            each,
            divided.test
              .filter((image) => image.label === label)
              .map(({ path, content: file }) => ({ name: path.slice(each.length + 1), content: file })),
          ]),
        );
        const classifier = await graft.open(`runs/${run}`);
        const { accuracy, images: count } = await classifier.evaluate(test);
        await classifier.close();
        graft.close();
        return { accuracy, count, seconds };
      },
      { images, weights: weights(), config, name },
    );
    console.log(name, { node: node.accuracy, page: there.accuracy }, (performance.now() - inPage) / 1000);
    const interval = (accuracy: number, count: number) => wilsonInterval(Math.round(accuracy * count), count);
    rows[name] = {
      config,
      testImages: node.images,
      node: { accuracy: node.accuracy, interval: interval(node.accuracy, node.images), seconds: nodeSeconds },
      page: { accuracy: there.accuracy, interval: interval(there.accuracy, there.count), seconds: there.seconds },
    };
  }
  await close();
  write('page', { ...machine(version), threads: 'Node 1, page 1', rows });
}

/**
 * Tasks of five characters, five drawings of each to learn from and fifteen to answer. The start may have been trained on
 * some of them (its split was drawn over all of Omniglot), so that this compares page and Node, and is no test of the start.
 */
async function omniglot(characters: string): Promise<void> {
  const { page, close, version } = await openPage(join(folder, 'page'), true);
  const all = readdirSync(characters).flatMap((alphabet) =>
    readdirSync(join(characters, alphabet)).map((character) => join(characters, alphabet, character)),
  );
  const [way, shots, queries, tasks] = [5, 5, 15, 40];
  let [node, there, same, count, furthest] = [0, 0, 0, 0, 0];
  const seconds = { node: [] as number[], page: [] as number[] };
  for (let task = 0; task < tasks; task++) {
    const stream = randomStream(0, 'page-omniglot', task);
    const names = Array.from({ length: way }, () => all[stream.integer(all.length)]!);
    if (new Set(names).size < way) continue;
    const support: Record<string, Record<string, string>> = {};
    const query: { readonly label: string; readonly path: string; readonly file: string }[] = [];
    const root = join(folder, `task-${task}`);
    for (const [i, name] of names.entries()) {
      const files = readdirSync(name)
        .sort()
        .slice(0, shots + queries);
      mkdirSync(join(root, `${i}`), { recursive: true });
      support[i] = {};
      for (const [k, file] of files.entries()) {
        const content = readFileSync(join(name, file));
        if (k >= shots) query.push({ label: `${i}`, path: join(name, file), file: content.toString('base64') });
        else {
          support[i]![file] = content.toString('base64');
          writeFileSync(join(root, `${i}`, file), content);
        }
      }
    }
    const out = join(folder, `run-${task}`);
    const began = performance.now();
    await adaptMeta('omniglot', root, { out });
    seconds.node.push((performance.now() - began) / 1000);
    await using classifier = await openRun(out, { threads: 1 });
    const own: number[][] = [];
    for await (const { probabilities } of classifier.predict(query.map(({ path }) => path))) {
      own.push(Array.from(probabilities!));
    }
    const answer = await page.evaluate(
      async ({ given, asked, run }) => {
        const graft = (globalThis as unknown as { graft: ReturnType<Tools['connect']> }).graft;
        const started = performance.now();
        await graft.adapt('omniglot', tools.collection(given), { out: run, startsAt: './starts/' });
        const took = (performance.now() - started) / 1000;
        const opened = await graft.open(run);
        const images = asked.map((file) => new Blob([tools.bytesOf(file)]));
        const predicted = await tools.all(opened.predict(images));
        await opened.close();
        return { took, probabilities: predicted.map((one) => Array.from(one.probabilities!)) };
      },
      { given: support, asked: query.map(({ file }) => file), run: `runs/task-${task}` },
    );
    seconds.page.push(answer.took);
    const likeliest = (row: readonly number[]) => String(row.indexOf(Math.max(...row)));
    for (const [i, { label }] of query.entries()) {
      const [a, b] = [own[i]!, answer.probabilities[i]!];
      if (likeliest(a) === label) node++;
      if (likeliest(b) === label) there++;
      if (likeliest(a) === likeliest(b)) same++;
      furthest = Math.max(furthest, ...a.map((value, k) => Math.abs(value - b[k]!)));
      count++;
    }
    console.log(task, { node: node / count, page: there / count, same: same / count, furthest });
  }
  await close();
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  write('page-omniglot', {
    ...machine(version),
    tasks: seconds.page.length,
    ...{ way, shots, queries, answers: count },
    node: { accuracy: node / count, interval: wilsonInterval(node, count), medianSeconds: median(seconds.node) },
    page: { accuracy: there / count, interval: wilsonInterval(there, count), medianSeconds: median(seconds.page) },
    sameAnswers: same,
    largestDifferenceOfAProbability: furthest,
  });
}

/** Frames of images that move, ten a second, through a classifier in a worker. */
async function live(duration: number): Promise<void> {
  const { page, close, version } = await openPage(join(folder, 'page'));
  page.on('console', (message) => console.log(message.text()));
  const measured = await page.evaluate(
    async ({ images, weights: bytes, duration: length }) => {
      const graft = tools.connect();
      const kept = await graft.keepWeights({
        name: 'squeezenet1_1.safetensors',
        content: new Blob([tools.bytesOf(bytes)]),
      });
      const collected = tools.collection(images);
      await graft.adapt({ model: 'squeezenet1_1', weights: kept }, collected, { out: 'runs/live' });
      const classifier = await graft.open('runs/live');
      const bitmaps = await Promise.all(Object.values(collected).map(([file]) => createImageBitmap(file as File)));
      const canvas = new OffscreenCanvas(640, 480);
      const context = canvas.getContext('2d')!;
      const memory = async () => {
        const { bytes: used } = await (
          performance as unknown as { measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }> }
        ).measureUserAgentSpecificMemory();
        return used;
      };
      const samples: { minute: number; bytes: number; frames: number; median: number; slowest: number }[] = [];
      const started = performance.now();
      let [frames, times, next] = [0, [] as number[], 1];
      while (performance.now() - started < 60_000 * length) {
        const begun = performance.now();
        const shift = (frames * 3) % 200;
        context.drawImage(bitmaps[frames % bitmaps.length]!, -shift, -shift / 2, 800, 600);
        await classifier.classify(canvas.transferToImageBitmap());
        times.push(performance.now() - begun);
        frames++;
        const minute = (performance.now() - started) / 60_000;
        if (minute >= next) {
          const sorted = times.sort((a, b) => a - b);
          const sample = {
            minute: next,
            bytes: await memory(),
            frames,
            median: sorted[sorted.length >> 1]!,
            slowest: sorted.at(-1)!,
          };
          samples.push(sample);
          console.log(JSON.stringify(sample));
          [times, next] = [[], next + (next < 5 ? 1 : 5)];
        }
        await new Promise((done) => setTimeout(done, Math.max(0, 100 - (performance.now() - begun))));
      }
      return samples;
    },
    { images: sent(10), weights: weights(), duration },
  );
  await close();
  write('page-live', { ...machine(version), wantedFramesPerSecond: 10, samples: measured });
}

function machine(browser: string) {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]!.model,
    cores: cpus().length,
    chromium: browser,
  };
}

function write(name: string, content: object): void {
  writeFileSync(`bench/results/${name}.json`, `${JSON.stringify(content, null, 2)}\n`);
}
