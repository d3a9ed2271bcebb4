/*
 * Training and looking at images in a page, in Chromium with WebAssembly, beside Node on the same machine.
 *   npm run build
 *   node dist/bench/page.js trashnet ../shared     # probe and full fine-tuning, page and Node: bench/results/page.json
 *   node dist/bench/page.js live ../shared 60      # live prediction for so many minutes: bench/results/page-live.json
 * `../shared` is a folder with data/trashnet_600 and weights/squeezenet1_1_imagenet1k.safetensors.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { evaluateFolder, wilsonInterval } from 'graft-ml/predict';
import { type TrainConfigInput, trainFolder } from 'graft-ml/train';
import { type PreviewServer, preview } from 'vite';
import { buildPage, launch } from '../test/browser/chromium.ts';
import type { SentImages, Tools } from '../test/browser/training/page.ts';

/** The page's own, inside `page.evaluate`. */
declare const tools: Tools;

const [what, shared = '../shared', minutes = '60'] = process.argv.slice(2);
const dataset = join(shared, 'data/trashnet_600');
const weightsFile = join(shared, 'weights/squeezenet1_1_imagenet1k.safetensors');
const classes = readdirSync(dataset, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

/** The images of a dataset, to be sent to a page. @param most of each class */
function sent(most = Number.POSITIVE_INFINITY): SentImages {
  const ofClass = (name: string) => {
    const files = readdirSync(join(dataset, name)).sort().slice(0, most);
    return Object.fromEntries(files.map((file) => [file, readFileSync(join(dataset, name, file)).toString('base64')]));
  };
  return Object.fromEntries(classes.map((name) => [name, ofClass(name)]));
}

const weights = () => readFileSync(weightsFile).toString('base64');

async function openPage(folder: string) {
  await buildPage(folder, resolve('test/browser/training'));
  const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server: PreviewServer = await preview({
    configFile: false,
    build: { outDir: folder },
    preview: { port: 0, headers: isolated },
  });
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(server.resolvedUrls!.local[0]!);
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { page, close, version: browser.version() };
}

const folder = mkdtempSync(join(tmpdir(), 'graft-page-'));
try {
  if (what === 'trashnet') await trashnet();
  else if (what === 'live') await live(Number(minutes));
  else throw new Error('Name what to measure: trashnet or live.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Both strategies on the same images, split and seed. Nothing is fitted or chosen on the test part. */
async function trashnet(): Promise<void> {
  const common = { model: 'squeezenet1_1', seed: 1, batchSize: 16, testFraction: 0.2, epochs: 8 } as const;
  const configs: Readonly<Record<string, TrainConfigInput>> = {
    probe: { ...common, strategy: 'feature-extraction', learningRate: 0.001, epochs: 20 },
    full: { ...common, strategy: 'full', learningRate: 0.0003 },
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
