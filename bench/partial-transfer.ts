/*
 * Partial transfer: meta-learning on subsets of a dataset, then ordinary training on all of it with a part of the
 * blocks frozen, beside full training from random weights. Accuracy and time per epoch and counted operations, both
 * sides frozen, over seeds.
 *   npm run build && node dist/bench/partial-transfer.js FOLDER [--seeds 3] [--epochs 12] [--side 42] [--model conv4_32]
 *     [--meta-steps 150] [--threads N]
 * Each seed puts a fifth of each class aside to choose the epoch by, and another fifth, which nothing is fitted to or
 * chosen by, to test on. Images are made small once, so that times are those of training and not of decoding. The
 * results in bench/results/partial-transfer.json come from ../shared/data/caltech101_10x60; what is there already is
 * not run again.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import sharp from 'sharp';
import { drawTransfer } from './charts.ts';
import { median } from './harness.ts';
import { type PhaseOne, phaseOne } from './phase-one.ts';
import { mean, nameOf, Results } from './study.ts';
import { configOf, scratch, type Training, type Way, ways, workOf } from './transfer-ways.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '12' },
    side: { type: 'string', default: '42' },
    model: { type: 'string', default: 'conv4_32' },
    'meta-steps': { type: 'string', default: '150' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const folder = positionals[0];
if (!folder) throw new Error('usage: node dist/bench/partial-transfer.js FOLDER');
const { model } = values;
const [side, epochs, threads] = [Number(values.side), Number(values.epochs), Number(values.threads)];
const study = { model, side, epochs, threads };

/** Makes `train/`, `val/` and `test/`, of small images. */
async function divide(root: string, seed: number): Promise<void> {
  for (const { name } of readdirSync(folder!, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const files = randomStream(seed, 'partial-transfer', name).shuffle(readdirSync(join(folder!, name)).sort());
    for (const part of ['train', 'val', 'test']) mkdirSync(join(root, part, name), { recursive: true });
    await Promise.all(
      files.map((file, i) => {
        const part = i < files.length / 5 ? 'val' : i < (2 * files.length) / 5 ? 'test' : 'train';
        const small = sharp(join(folder!, name, file))
          .resize(side, side, { fit: 'cover' })
          .toColourspace('srgb');
        return small
          .removeAlpha()
          .png()
          .toFile(join(root, part, name, `${file}.png`));
      }),
    );
  }
}

async function trained(images: string, out: string, start: string, way: Way, seed: number): Promise<Training> {
  const weights = way === scratch ? {} : { weights: start };
  const [accuracies, seconds]: [number[], number[]] = [[], []];
  for await (const event of trainFolder(
    images,
    { ...configOf(way, study, seed), ...weights },
    { out, overwrite: true },
  )) {
    if (event.kind !== 'evaluation') continue;
    accuracies.push(event.accuracy);
    seconds.push(event.seconds);
  }
  const { accuracy: test } = await evaluateFolder(out, images, { part: 'test' });
  return { accuracies, test, seconds: median(seconds.length > 1 ? seconds.slice(1) : seconds) };
}

const results = new Results<Training | PhaseOne>('partial-transfer');
const setting = `${nameOf(folder)}, ${model} ${side} px, ${values['meta-steps']} meta-steps, ${epochs} epochs`;
const keyOf = (way: string, seed: number) => `${setting}, ${way}, ${seed}`;
const trainingOf = (way: Way, seed: number) => results.get(keyOf(way.name, seed)) as Training;
const startOf = (seed: number) => results.get(keyOf('phase one', seed)) as PhaseOne;
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
let classes = 0;
for (const seed of seeds) {
  const root = mkdtempSync(join(tmpdir(), 'graft-transfer-'));
  const [images, start] = [join(root, 'images'), join(root, 'phase-one')];
  await divide(images, seed);
  classes = readdirSync(join(images, 'train')).length;
  const first = () =>
    phaseOne(images, {
      ...{ model, side, threads, seed, metaSteps: Number(values['meta-steps']) },
      ...{
        shots: 5,
        queries: 5,
        innerSteps: 2,
        innerRate: 0.1,
        metaBatch: 2,
        meta: join(root, 'meta'),
        adapted: start,
      },
    });
  const missing = ways.filter((way) => trainingOf(way, seed) === undefined);
  if (missing.length > 0) {
    const one = await first();
    await results.keep(keyOf('phase one', seed), async () => one);
    console.log(`seed ${seed}, phase one: ${(100 * one.accuracy).toFixed(1)} %, ${one.seconds.toFixed(0)} s`);
  }
  for (const way of missing) {
    const { accuracies, test, seconds } = (await results.keep(keyOf(way.name, seed), () =>
      trained(images, join(root, 'run'), start, way, seed),
    )) as Training;
    const best = (100 * Math.max(...accuracies)).toFixed(1);
    console.log(
      `seed ${seed}, ${way.name}: validation ${best} %, test ${(100 * test).toFixed(1)} %, ${seconds.toFixed(2)} s an epoch`,
    );
  }
  rmSync(root, { recursive: true, force: true });
}

const percent = (shares: readonly number[]) => (100 * mean(shares)).toFixed(1);
const marks = [1, 2, 4, 8, epochs].filter((epoch, i, all) => epoch <= epochs && all.indexOf(epoch) === i);
const one = seeds.map(startOf);
console.log(
  `\n${nameOf(folder)}, ${model}, ${side} px, ${seeds.length} seeds; accuracy in per cent, mean over seeds\n`,
);
console.log(
  `| phase two | trained | ${marks.map((epoch) => `epoch ${epoch}`).join(' | ')} | test (seeds) | seconds an epoch | MFLOP a step |`,
);
console.log(`|---|---|${marks.map(() => '---|').join('')}---|---|---|`);
const before = one.map(({ test }) => percent([test]));
console.log(
  `| r = 0: phase one as it is | nothing | ${marks.map(() => percent(one.map(({ accuracy }) => accuracy))).join(' | ')} | ${percent(one.map(({ test }) => test))} (${before.join(', ')}) | 0 | 0 |`,
);
for (const way of ways) {
  const runs = seeds.map((seed) => trainingOf(way, seed));
  const tests = runs.map(({ test }) => test);
  const { flops, cut } = workOf(way, study, classes);
  const at = marks.map((epoch) => percent(runs.map(({ accuracies }) => accuracies[epoch - 1]!)));
  const each = tests.map((test) => percent([test])).join(', ');
  const seconds = mean(runs.map((run) => run.seconds)).toFixed(2);
  console.log(
    `| ${way.name} | ${cut} | ${at.join(' | ')} | ${percent(tests)} (${each}) | ${seconds} | ${Number((flops / 1e6).toPrecision(3))} |`,
  );
}
const metaSeconds = mean(one.map(({ seconds }) => seconds)).toFixed(0);
console.log(
  `\nPhase one: ${values['meta-steps']} meta-steps of ${(one[0]!.flopsPerStep / 1e6).toFixed(0)} MFLOP, ${metaSeconds} s.`,
);

const drawn = ways.map((way) => ({
  way,
  runs: seeds.map((seed) => trainingOf(way, seed)),
  flops: workOf(way, study, classes).flops,
}));
await drawTransfer(nameOf(folder), drawn, one);
