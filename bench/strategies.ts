/*
 * Every strategy on folders of images, three seeds each: accuracy, time and trained parameters.
 *   npm run build && node dist/bench/strategies.js FOLDER… --weights FILE [--seeds 3] [--image-size 128] [--epochs 8] [--jobs 1]
 * (Partial transfer goes on from the same classes, and has a study of its own.) The results in
 * bench/results/strategies.json come from ../shared/data/trashnet_600 and caltech101_10x60 with
 * ../shared/weights/squeezenet1_1_imagenet1k.safetensors. What is there already is not run again.
 */
import { parseArgs } from 'node:util';
import { strategyNames } from '@graft-ml/core/internal/recipe/strategy';
import { mean, nameOf, type PlannedRun, Study, standardError } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    'image-size': { type: 'string', default: '128' },
    epochs: { type: 'string', default: '8' },
    jobs: { type: 'string', default: '1' },
    only: { type: 'string', default: strategyNames.filter((name) => name !== 'partial-transfer').join(',') },
  },
});
const { weights } = values;
if (positionals.length === 0 || !weights)
  throw new Error('usage: node dist/bench/strategies.js FOLDER… --weights FILE');
const [imageSize, epochs, seeds] = [Number(values['image-size']), Number(values.epochs), Number(values.seeds)];

const study = new Study('strategies');
const chosen = strategyNames.filter((name) => values.only.split(',').includes(name));
const jobs = Number(values.jobs);
const runs: PlannedRun[] = [];
for (let seed = 0; seed < seeds; seed++) {
  for (const folder of positionals) {
    for (const strategy of chosen) {
      const start = strategy === 'scratch' ? {} : { weights };
      const length = strategy === 'feature-extraction' ? 30 : epochs;
      const threads = jobs > 1 ? 1 : null;
      const config = { ...start, model: 'squeezenet1_1', strategy, imageSize, epochs: length, seed, threads };
      runs.push({ key: `${nameOf(folder)} ${strategy} ${seed}`, folder, config });
    }
  }
}
await study.runAll(runs, jobs);

for (const folder of positionals) {
  const rows = strategyNames.flatMap((strategy) => {
    const runs = Array.from({ length: seeds }, (_, seed) => study.results[`${nameOf(folder)} ${strategy} ${seed}`]);
    const done = runs.filter((run) => run !== undefined);
    if (done.length === 0) return [];
    const accuracy = mean(done.map((run) => run.accuracy));
    const images = done.reduce((sum, run) => sum + run.validation, 0);
    return [{ strategy, done, accuracy, error: standardError(accuracy, images) }];
  });
  const best = rows.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  console.log(`\n${nameOf(folder)}\n`);
  console.log('| strategy | accuracy ± standard error | seeds | seconds | trained parameters |\n|---|---|---|---|---|');
  for (const { strategy, done, accuracy, error } of rows) {
    const seedsText = done.map((run) => `${run.accuracy.toFixed(3)}${run.chosen ? ` (${run.chosen})` : ''}`).join(', ');
    const seconds = mean(done.map((run) => run.seconds)).toFixed(0);
    const trained = Math.round(mean(done.map((run) => run.trained))).toLocaleString('en');
    console.log(
      `| ${strategy} | ${accuracy.toFixed(3)} ± ${error.toFixed(3)} | ${seedsText} | ${seconds} | ${trained} |`,
    );
  }
  const auto = rows.find(({ strategy }) => strategy === 'auto');
  if (auto) {
    const behind = (best.accuracy - auto.accuracy) / best.error;
    console.log(`\nauto is ${behind.toFixed(1)} standard errors behind the best, ${best.strategy}.`);
  }
}
