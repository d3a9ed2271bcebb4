/*
 * Few images of each class: from pretrained weights against from random ones, over seeds.
 *   npm run build && node dist/bench/few-shot.js FOLDER… --weights FILE [--seeds 3] [--image-size 128] [--threads 1]
 * Each seed puts 20 images of each class aside to validate with, and takes the first 5, 10, 20 and 40 of the others.
 * The results in bench/results/few-shot.json and the curves beside it come from the folders that strategies.ts names.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { drawFewShot } from './charts.ts';
import { mean, nameOf, Study } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    'image-size': { type: 'string', default: '128' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const { weights } = values;
if (positionals.length === 0 || !weights) throw new Error('usage: node dist/bench/few-shot.js FOLDER… --weights FILE');

const counts = [5, 10, 20, 40];
const validation = 20;
const imageSize = Number(values['image-size']);
const ways = {
  'from pretrained weights': { weights, strategy: 'auto', epochs: 6 },
  'from random weights': { strategy: 'scratch', epochs: 12 },
} as const;

/** A folder with `train/` and `val/`: so many images of each class, of a seeded choice. */
function divided(folder: string, count: number, seed: number): string {
  const root = mkdtempSync(join(tmpdir(), 'graft-few-'));
  for (const name of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const files = readdirSync(join(folder, name.name)).sort();
    const shuffled = randomStream(seed, 'few-shot', name.name).shuffle(files);
    const parts = { val: shuffled.slice(0, validation), train: shuffled.slice(validation, validation + count) };
    for (const [part, chosen] of Object.entries(parts)) {
      mkdirSync(join(root, part, name.name), { recursive: true });
      for (const file of chosen) cpSync(join(folder, name.name, file), join(root, part, name.name, file));
    }
  }
  return root;
}

const study = new Study('few-shot');
const keyOf = (folder: string, way: string, count: number, seed: number) =>
  `${nameOf(folder)}, ${way}, ${count}, ${seed}`;
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
for (const seed of seeds) {
  for (const folder of positionals) {
    for (const count of counts) {
      const root = divided(folder, count, seed);
      for (const [way, config] of Object.entries(ways)) {
        await study.run(keyOf(folder, way, count, seed), root, {
          model: 'squeezenet1_1',
          imageSize,
          seed,
          threads: Number(values.threads),
          ...config,
        });
      }
      rmSync(root, { recursive: true });
    }
  }
}

for (const folder of positionals) {
  console.log(
    `\n${nameOf(folder)}\n\n| images of each class | ${counts.join(' | ')} |\n|---|${counts.map(() => '---|').join('')}`,
  );
  const curves = Object.keys(ways).map((way) => {
    const accuracies = counts.map((count) =>
      seeds.map((seed) => study.results[keyOf(folder, way, count, seed)]!.accuracy),
    );
    const cell = (runs: readonly number[]) =>
      `${mean(runs).toFixed(3)} (${runs.map((accuracy) => accuracy.toFixed(3)).join(', ')})`;
    console.log(`| ${way} | ${accuracies.map(cell).join(' | ')} |`);
    return [way, counts.map((count, i) => [count, accuracies[i]!] as const)] as const;
  });
  await drawFewShot(nameOf(folder), Object.fromEntries(curves));
}
