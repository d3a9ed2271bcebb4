import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type LineChart, lineChartSvg, type Series, type SvgSize } from '@graft-ml/core/internal/chart/index';
import { type DotChart, dotChartSvg } from './dot-chart.ts';
import type { Layer, LayerChange } from './inner-layers.ts';
import type { PhaseOne } from './phase-one.ts';
import { mean } from './study.ts';
import { everything, ofSide, scratch, type Training, type Way } from './transfer-ways.ts';

/** Writes a chart as bench/results/NAME.svg. */
export async function saveChart(name: string, chart: LineChart, size: SvgSize = {}): Promise<void> {
  const file = fileURLToPath(new URL(`../../bench/results/${name}.svg`, import.meta.url));
  writeFileSync(file, await lineChartSvg(chart, size));
}

/** Writes a dot chart as bench/results/NAME.svg. */
function saveDotChart(name: string, chart: DotChart): void {
  writeFileSync(fileURLToPath(new URL(`../../bench/results/${name}.svg`, import.meta.url)), dotChartSvg(chart));
}

/** The mean over seeds, and the lowest and highest of them. */
function dotOf(values: readonly number[]) {
  return { value: mean(values), low: Math.min(...values), high: Math.max(...values) };
}

const dotsOfSeeds = (count: number) =>
  count === 1 ? 'One seed.' : `Dots: the mean of ${count} seeds; lines: from the lowest to the highest of them.`;

/** The mean over seeds, and the lowest and highest of them as a band. */
function overSeeds(name: string, points: readonly (readonly [x: number, values: readonly number[]])[]): Series {
  return {
    name,
    points: points.map(([x, values]) => [x, mean(values)] as const),
    band: points.map(([x, values]) => [x, Math.min(...values), Math.max(...values)] as const),
  };
}

const ofSeeds = (count: number) => `Curves: the mean of ${count} seeds; bands: from the lowest to the highest of them.`;

/** Accuracy by images of each class: for each way, the accuracies of the seeds by count. */
export async function drawFewShot(
  dataset: string,
  ways: Readonly<Record<string, readonly (readonly [count: number, accuracies: readonly number[]])[]>>,
): Promise<void> {
  const series = Object.entries(ways).map(([name, points]) => overSeeds(name, points));
  await saveChart(`few-shot-${dataset}`, {
    title: `${dataset}: few images of each class`,
    x: { label: 'training images of each class' },
    y: { label: 'validation accuracy', format: 'percent' },
    series,
    note: ofSeeds(Object.values(ways)[0]![0]![1].length),
  });
}

/** Learning curves of meta-learning, by the name that each has. */
export async function drawMetaCurves(
  name: string,
  title: string,
  curves: Readonly<Record<string, readonly (readonly [step: number, accuracy: number])[]>>,
): Promise<void> {
  // In one order, so that a learner has its colour in every chart.
  const learners = Object.keys(curves).sort();
  const series = learners.map((learner) => ({ name: learner, points: curves[learner]! }));
  const only = learners.length === 1 ? `, ${learners[0]}` : '';
  const y = { label: 'accuracy on validation classes', format: 'percent' } as const;
  const note = 'One seed; every point is the mean over the validation episodes.';
  await saveChart(name, { title: title + only, x: { label: 'meta-steps' }, y, series, note }, { width: 860 });
}

/** A way of partial transfer with its trainings, a seed each, and the operations of a step. */
export interface TransferResult {
  readonly way: Way;
  readonly runs: readonly Training[];
  readonly flops: number;
}

/** Steps of an epoch: 36 training images of each of ten classes, in batches of 16. */
const stepsPerEpoch = 22;

/** Accuracy of partial transfer by epochs, by seconds and by operations, with the upper and the lower blocks frozen. */
export async function drawTransfer(
  dataset: string,
  results: readonly TransferResult[],
  starts: readonly PhaseOne[],
): Promise<void> {
  const before = starts.map(({ accuracy }) => accuracy);
  const epochs = results[0]!.runs[0]!.accuracies.length;
  for (const frozen of ['upper', 'lower'] as const) {
    const own = [scratch, everything, ...ofSide(frozen)].map(
      (way) => results.find((one) => one.way.name === way.name)!,
    );
    const title = `${dataset}: partial transfer, ${frozen} blocks frozen`;
    const y = { label: 'validation accuracy', format: 'percent' } as const;
    const note = ofSeeds(starts.length);
    const curve = ({ way, runs }: TransferResult, from: number, xOf: (epoch: number) => number) => {
      const after = runs[0]!.accuracies.map((_, i) => [xOf(i + 1), runs.map((run) => run.accuracies[i]!)] as const);
      return overSeeds(
        way.name.replace(`, ${frozen} frozen`, ''),
        from === 0 && way !== scratch ? [[0, before], ...after] : after,
      );
    };
    const none = { name: 'r = 0', points: [0, epochs].map((epoch) => [epoch, mean(before)] as const) };
    await saveChart(`partial-transfer-${frozen}`, {
      title,
      ...{ x: { label: 'epoch of phase two' }, y, note },
      series: [...own.map((one) => curve(one, 0, (epoch) => epoch)), none],
    });
    await saveChart(`partial-transfer-${frozen}-seconds`, {
      title,
      x: { label: 'seconds of phase two', scale: 'log' },
      ...{ y, note },
      series: own.map((one) => curve(one, 1, (epoch) => epoch * mean(one.runs.map(({ seconds }) => seconds)))),
    });
    await saveChart(`partial-transfer-${frozen}-flops`, {
      title,
      x: { label: 'GFLOP of the training steps of phase two', scale: 'log' },
      ...{ y, note },
      series: own.map((one) => curve(one, 1, (epoch) => (epoch * stepsPerEpoch * one.flops) / 1e9)),
    });
  }
}

/** The layers of the study of inner loops, as numbers of an axis. */
const layerNames = ['layer1', 'layer2', 'layer3', 'layer4', 'fc'];

/** What an inner loop does to a network, by learner, a run for each seed. */
export async function drawLayerChange(runs: Readonly<Record<string, readonly LayerChange[]>>): Promise<void> {
  const learners = Object.entries(runs);
  const note = ofSeeds(learners[0]![1].length);
  const byLayer = (of: (layer: Layer) => number) =>
    learners.map(([name, own]) =>
      overSeeds(
        name,
        layerNames.map((layer, i) => [i + 1, own.map(({ layers }) => of(layers.find((one) => one.name === layer)!))]),
      ),
    );
  const x = { label: 'layer, from the input; 5 is the head' };
  await saveChart('layer-change-parameters', {
    title: 'How far the inner loop moves the parameters',
    ...{ x, note },
    y: { label: 'change of the layer, as a share of its norm', format: 'percent' },
    series: byLayer(({ change }) => change),
  });
  await saveChart('layer-change-outputs', {
    title: 'How similar each layer’s output stays',
    ...{ x, note },
    y: { label: 'similarity before and after (linear CKA)' },
    series: byLayer(({ similarity }) => similarity),
  });
  await saveChart('layer-change-steps', {
    title: 'Accuracy by inner step, Omniglot, 5-way 1-shot',
    x: { label: 'inner steps on the support set' },
    y: { label: 'accuracy on the queries', format: 'percent' },
    note,
    series: learners.map(([name, own]) =>
      overSeeds(
        name,
        own[0]!.perStep.map((_, step) => [step, own.map(({ perStep }) => perStep[step]!.accuracy)]),
      ),
    ),
  });
}

/** Accuracy on handwritten digits by images of each, for several ways to learn from them: a value for each seed. */
export async function drawFewDigits(
  ways: readonly {
    readonly name: string;
    readonly points: readonly (readonly [count: number, values: readonly number[]])[];
  }[],
): Promise<void> {
  await saveChart('few-digits', {
    title: 'Ten handwritten digits from few images',
    x: { label: 'training images of each digit', scale: 'log' },
    y: { label: 'accuracy on 1,000 others', format: 'percent' },
    series: ways.map(({ name, points }) => overSeeds(name, points)),
    note: ofSeeds(ways[0]!.points[0]![1].length),
  });
}

/** Test accuracy of strategies by domain, with few and with many images of each class: a value for each seed. */
export function drawDomains(
  domains: readonly { readonly title: string; readonly ways: readonly (readonly [name: string, ...Sizes])[] }[],
): void {
  const groups = domains.map(({ title, ways }) => ({
    title,
    rows: ways.map(([name, ...sizes]) => ({ name, dots: sizes.map(dotOf) })),
  }));
  const keys = ['5 images of each class', '30 images of each class'];
  const note = dotsOfSeeds(domains[0]!.ways[0]![1].length);
  saveDotChart('domains', { title: 'Strategies by domain', label: 'test accuracy', keys, groups, note });
}

type Sizes = readonly [few: readonly number[], many: readonly number[]];

/** Test accuracy with and without the pitfalls: a value for each seed. */
export function drawPitfalls(
  pitfalls: readonly { readonly title: string; readonly ways: readonly (readonly [string, readonly number[]])[] }[],
): void {
  const groups = pitfalls.map(({ title, ways }) => ({
    title,
    rows: ways.map(([name, values]) => ({ name, dots: [dotOf(values)] })),
  }));
  const note = dotsOfSeeds(pitfalls[0]!.ways[0]![1].length);
  saveDotChart('pitfalls', { title: 'Four pitfalls', label: 'test accuracy', keys: ['test'], groups, note });
}
