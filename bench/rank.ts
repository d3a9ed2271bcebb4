/*
 * How well the scores of `graft rank` foretell fine-tuned accuracy: real pretrained models, each fine-tuned on one
 * half of the images of each folder and measured on the other, and ranked without training on all of them.
 *   npm run build && node dist/bench/rank.js FOLDER… --weights DIR [--seeds 2] [--image-size 128] [--epochs 5] [--only A,B]
 * DIR is what bench/peer/rank_weights.py writes. Prints Kendall's τ and Spearman's ρ of each score with the mean accuracy
 * over seeds, and 95 % intervals by the bootstrap over models and their seeds. The results in bench/results/rank.json are
 * of ../shared/data/trashnet_600 and caltech101_10x60. What is there already is not measured again.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core';
import { type ModelScores, rankModels } from 'graft-ml/train';
import { mean, nameOf, type Outcome, outcomeOf, Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    seeds: { type: 'string', default: '2' },
    'image-size': { type: 'string', default: '128' },
    epochs: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
if (positionals.length === 0 || !values.weights)
  throw new Error('usage: node dist/bench/rank.js FOLDER… --weights DIR');
const [imageSize, epochs] = [Number(values['image-size']), Number(values.epochs)];
const file = (name: string) => join(values.weights!, name);

interface Entry {
  readonly model: string;
  readonly weights: string | null;
  /** What it was trained on before. */
  readonly origin: string;
  readonly licence: string;
}

const onnx = (name: string, origin: string, licence: string): Entry => ({
  ...{ model: file(`${name}.onnx`), weights: null, origin, licence },
});
const lite = 'Apache-2.0 (PyPI package)';
const models: Readonly<Record<string, Entry>> = {
  'pp-lcnet-orientation': onnx('pp-lcnet-orientation', 'the orientation of documents', 'Apache-2.0'),
  'mobilenet-v1-025': onnx('mobilenet-v1-025', 'ImageNet-1k', 'Apache-2.0'),
  squeezenet1_1: {
    ...{ model: 'squeezenet1_1', weights: file('squeezenet1_1.safetensors') },
    ...{ origin: 'ImageNet-1k', licence: 'BSD-2-Clause' },
  },
  'efficientnet_b0-2d-3d': {
    ...{ model: 'efficientnet_b0', weights: file('efficientnet_b0-2d-3d.pth') },
    ...{ origin: 'ImageNet-1k, then drawings and photos of nudes', licence: 'MIT' },
  },
  'efficientnet-lite0': onnx('efficientnet-lite0', 'ImageNet-1k', lite),
  'efficientnet-lite1': onnx('efficientnet-lite1', 'ImageNet-1k', lite),
  'efficientnet-lite2': onnx('efficientnet-lite2', 'ImageNet-1k', lite),
  'open-nsfw': onnx('open-nsfw', 'ImageNet-1k, then unsafe images', 'MIT (PyPI package)'),
};

type Scores = Omit<ModelScores, 'name' | 'notes' | 'licence'>;
const results = new Results<Outcome | Scores>('rank');

async function fineTuned(folder: string, name: string, seed: number): Promise<void> {
  const { model, weights } = models[name]!;
  await results.keep(`${nameOf(folder)}, ${name}, fine-tuned, ${seed}`, () =>
    outcomeOf(folder, {
      ...{ model, weights, strategy: 'full', validationFraction: 0.5, imageSize, epochs, seed, threads: 1 },
    }),
  );
}

async function scored(folder: string, name: string): Promise<void> {
  const { model, weights } = models[name]!;
  await results.keep(`${nameOf(folder)}, ${name}, scores`, async () => {
    const candidate = weights === null ? model : { model, weights };
    const ranking = await rankModels(folder, { models: [candidate], imageSize, cache: null });
    if (ranking.failed[0]) throw new Error(ranking.failed[0].reason);
    const { name: _, notes: __, licence: ___, pValue: ____, ...scores } = ranking.models[0]!;
    return scores;
  });
}

/** Kendall's τ-b: the share of pairs in one order minus those in the other, ties taken out. */
function kendall(a: readonly number[], b: readonly number[]): number {
  let [sum, inA, inB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      sum += x * y;
      inA += x * x;
      inB += y * y;
    }
  }
  return sum / Math.sqrt(inA * inB);
}

/** Spearman's ρ: the correlation of ranks, those of ties their mean. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const [meanX, meanY] = [mean(x), mean(y)];
  const sum = (of: (i: number) => number) => x.reduce((total, _, i) => total + of(i), 0);
  const product = sum((i) => (x[i]! - meanX) * (y[i]! - meanY));
  return product / Math.sqrt(sum((i) => (x[i]! - meanX) ** 2) * sum((i) => (y[i]! - meanY) ** 2));
}

const ranksOf = (numbers: readonly number[]) =>
  numbers.map((own) => mean([numbers.filter((x) => x < own).length, numbers.filter((x) => x <= own).length - 1]));

interface Row {
  readonly name: string;
  readonly scores: Scores;
  readonly accuracies: readonly number[];
}

type Correlation = typeof kendall;
const scoreOf: Readonly<Record<string, (scores: Scores) => number>> = {
  probe: ({ probe }) => probe.accuracy,
  'probe, −loss': ({ probe }) => -probe.loss,
  neighbours: ({ neighbours }) => neighbours.accuracy,
  LogME: ({ logme }) => logme,
};

/** A correlation, and the middle 95 % of it over models, and of each its seeds, drawn again. */
function correlation(rows: readonly Row[], of: (scores: Scores) => number, by: Correlation): string {
  const stream = randomStream(0, 'rank', 'bootstrap');
  const draw = <T>(items: readonly T[]) => items.map(() => items[stream.integer(items.length)]!);
  const drawn = Array.from({ length: 5000 }, () => {
    const again = draw(rows).map(({ scores, accuracies }) => [of(scores), mean(draw(accuracies))] as const);
    return by(
      again.map(([score]) => score),
      again.map(([, accuracy]) => accuracy),
    );
  });
  const sorted = drawn.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!.toFixed(2);
  const value = by(
    rows.map(({ scores }) => of(scores)),
    rows.map(({ accuracies }) => mean(accuracies)),
  );
  return `${value.toFixed(2)} (${at(0.025)} to ${at(0.975)})`;
}

function print(title: string, rows: readonly Row[]): void {
  const best = Math.max(...rows.map(({ accuracies }) => mean(accuracies)));
  console.log(`\n${title}: ${rows.length} models\n`);
  console.log(
    '| score | Kendall’s τ (95 %) | Spearman’s ρ (95 %) | the first by it is behind the best by |\n|---|---|---|---|',
  );
  for (const [name, of] of Object.entries(scoreOf)) {
    const first = rows.reduce((a, b) => (of(b.scores) > of(a.scores) ? b : a));
    const behind = (100 * (best - mean(first.accuracies))).toFixed(1);
    console.log(
      `| ${name} | ${correlation(rows, of, kendall)} | ${correlation(rows, of, spearman)} | ${behind} points |`,
    );
  }
}

const bySeed = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const percent = (share: number) => (100 * share).toFixed(1);
const chosen = Object.keys(models).filter((name) => values.only?.split(',').includes(name) ?? true);
for (const folder of positionals) for (const name of chosen) await scored(folder, name);
for (const seed of bySeed)
  for (const folder of positionals) for (const name of chosen) await fineTuned(folder, name, seed);

for (const folder of positionals) {
  const rows: Row[] = [];
  for (const name of Object.keys(models)) {
    const found = results.get(`${nameOf(folder)}, ${name}, scores`);
    const runs = bySeed.flatMap((seed) => results.get(`${nameOf(folder)}, ${name}, fine-tuned, ${seed}`) ?? []);
    const accuracies = runs.flatMap((run) => ('epoch' in run ? [run.accuracy] : []));
    if (found && 'probe' in found && accuracies.length > 0) rows.push({ name, scores: found, accuracies });
  }
  if (rows.length < 2) continue;
  rows.sort((a, b) => mean(b.accuracies) - mean(a.accuracies));
  console.log(
    `\n| ${nameOf(folder)} | fine-tuned, % | probe, % | neighbours, % | LogME | GFLOPs | trained on | licence |`,
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { name, scores, accuracies } of rows) {
    const { probe, neighbours, logme, flops } = scores;
    const tuned = `${percent(mean(accuracies))} (${accuracies.map(percent).join(', ')})`;
    const cells = [name, tuned, percent(probe.accuracy), percent(neighbours.accuracy), logme.toFixed(3)];
    const { origin, licence } = models[name]!;
    console.log(`| ${[...cells, (flops / 1e9).toFixed(2), origin, licence].join(' | ')} |`);
  }
  print(nameOf(folder), rows);
}
