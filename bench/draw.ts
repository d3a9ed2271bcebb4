/*
 * Draws the charts in bench/results again, from the results there: nothing is measured.
 *   npm run build && node dist/bench/draw.js
 */
import {
  drawDomains,
  drawFewDigits,
  drawFewShot,
  drawLayerChange,
  drawMetaCurves,
  drawPitfalls,
  drawTransfer,
} from './charts.ts';
import type { LayerChange } from './inner-layers.ts';
import type { MetaOutcome } from './meta-study.ts';
import type { PhaseOne } from './phase-one.ts';
import { type Outcome, Results } from './study.ts';
import { type Training, ways, workOf } from './transfer-ways.ts';

const fewShot = new Results<Outcome>('few-shot').results;
for (const dataset of ['trashnet_600', 'caltech101_10x60']) {
  const accuracies = (way: string, count: number) =>
    Object.entries(fewShot).flatMap(([key, { accuracy }]) =>
      key.startsWith(`${dataset}, ${way}, ${count}, `) ? [accuracy] : [],
    );
  const curve = (way: string) => [5, 10, 20, 40].map((count) => [count, accuracies(way, count)] as const);
  const both = ['from pretrained weights', 'from random weights'].map((way) => [way, curve(way)] as const);
  await drawFewShot(dataset, Object.fromEntries(both));
}

const digits = new Results<number>('few-digits').results;
await drawFewDigits(
  [...new Set(Object.keys(digits).map((key) => key.split(', ')[0]!))].map((way) => ({
    name: way,
    points: [1, 2, 5, 10, 20].map((count) => {
      const ofCount = Object.entries(digits).filter(([key]) => key.startsWith(`${way}, ${count}, `));
      return [count, ofCount.map(([, accuracy]) => accuracy)] as const;
    }),
  })),
);

const layers = new Results<LayerChange>('layer-change').results;
const ofLearner = (learner: string) =>
  [0, 1, 2].map((seed) => layers[`${learner}, 5-way 1-shot, 400 steps of 8, seed ${seed}`]!);
const compared = ['maml', 'anil', 'boil'];
await drawLayerChange(Object.fromEntries(compared.map((learner) => [learner, ofLearner(learner)] as const)));

/** The curves of the keys that have more than one point, by what comes before the first comma. */
function curvesOf(study: string, isDrawn: (key: string) => boolean) {
  const { results } = new Results<MetaOutcome>(study);
  const drawn = Object.entries(results).filter(([key, { curve }]) => isDrawn(key) && curve.length > 1);
  return Object.fromEntries(drawn.map(([key, { curve }]) => [key.slice(0, key.indexOf(',')), curve] as const));
}

for (const [count, steps] of [
  [1, 400],
  [1, 8000],
  [5, 160],
  [5, 4000],
] as const) {
  const curves = curvesOf('omniglot', (key) => key.includes(`5-way ${count}-shot`) && key.includes(` ${steps} steps`));
  await drawMetaCurves(`omniglot-${count}-shot-${steps}-steps`, `Omniglot, 5-way ${count}-shot`, curves);
}
const futurama = curvesOf('futurama', (key) => key.endsWith('seed 0'));
await drawMetaCurves('futurama-seed-0', 'Futurama, 5-way 5-shot, split 0', futurama);

const setting = 'caltech101_10x60, conv4_32 42 px, 150 meta-steps, 8 epochs';
const transfer = new Results<Training | PhaseOne>('partial-transfer').results;
const ofWay = <T extends Training | PhaseOne>(name: string) =>
  [0, 1, 2].map((seed) => transfer[`${setting}, ${name}, ${seed}`] as T);
const study = { model: 'conv4_32', side: 42, epochs: 8, threads: 1 };
await drawTransfer(
  'caltech101_10x60',
  ways.map((way) => ({ way, runs: ofWay<Training>(way.name), flops: workOf(way, study, 10).flops })),
  ofWay<PhaseOne>('phase one'),
);

/** The test accuracies of the seeds, under keys that begin so. */
function testsOf(study: string, start: string): number[] {
  const { results } = new Results<Readonly<Record<string, number>>>(study);
  return Object.entries(results).flatMap(([key, { test }]) => (key.startsWith(`${start}, `) ? [test!] : []));
}

const domains = [
  ['similar', 'Similar: ten kinds of objects'],
  ['different', 'Different: six kinds of rubbish'],
  ['very different', 'Very different: handwritten digits'],
] as const;
const strategies = ['feature-extraction', 'partial', 'gradual', 'full', 'auto', 'scratch'];
drawDomains(
  domains.map(([domain, title]) => ({
    title,
    ways: strategies.map((way) => {
      const of = (size: string) => testsOf('domains', `${domain}, ${size}, ${way}`);
      return [way, of('few'), of('many')] as const;
    }),
  })),
);

const pitfalls = {
  'image size': ['32 px', '64 px', '96 px', '128 px', '224 px'],
  normalisation: ['as the weights had it', 'mean 0.5, std 0.5', 'none', 'left at 0 to 255'],
  'learning rate of the backbone': ['0.00001', '0.0001', '0.001', '0.01'],
} as const;
const batchNorms = Object.entries(new Results<Readonly<Record<string, number>>>('pitfalls').results).flatMap(
  ([key, found]) => (key.startsWith('batch norm, ') ? [found] : []),
);
drawPitfalls([
  ...Object.entries(pitfalls).map(([pitfall, ways]) => ({
    title: `${pitfall[0]!.toUpperCase()}${pitfall.slice(1)}`,
    ways: ways.map((way) => [way, testsOf('pitfalls', `${pitfall}, ${way}`)] as const),
  })),
  {
    title: 'Batch norm in evaluation: handwritten digits',
    ways: Object.keys(batchNorms[0]!).map((way) => [way, batchNorms.map((found) => found[way]!)] as const),
  },
]);
