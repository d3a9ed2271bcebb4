/* The figures of the cookbook: what its commands and programs came to, in charts and contact sheets. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EvaluationEvent, StepEvent, TrainEvent } from '@graft-ml/core/fit';
import { element, textElement, textWidth } from '@graft-ml/core/internal/chart/draw/markup';
import { documentOf, fontSize, inkOf, seriesInk } from '@graft-ml/core/internal/chart/draw/theme';
import {
  type Axis,
  type LineChart,
  lineChartSvg,
  lineChartsSvg,
  type Series,
} from '@graft-ml/core/internal/chart/index';
import { learningCurves } from '@graft-ml/core/internal/fit/learning-curves';
import sharp from 'sharp';
import type { PageResult } from './cookbook-run.ts';

type Results = Readonly<Record<string, PageResult>>;
type Events = readonly TrainEvent[];

const epoch: Axis = { label: 'epoch' };
const size = { width: 640, height: 320 };

/** Draws all figures into a folder: `NN-what.svg`, which follow light and dark schemes, and `NN-what.webp`. */
export async function drawFigures(project: string, results: Results, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const charts: Readonly<Record<string, string | Promise<string>>> = {
    '14-frozen': blocksSvg(results['14-unfreeze-some']!),
    '18-learning-rate': lineChartSvg(learningRates(results['18-the-training-loop']!), size),
    '19-clipping': lineChartSvg(clipping(results['19-gradient-clipping']!), size),
    '20-curves': lineChartsSvg(curvesOf(results['20-monitor-loss-and-accuracy']!.fits[0]!), { ...size, height: 280 }),
    '23-confusion': confusionSvg(results['23-confusion-matrix']!),
    '26-batch-size': lineChartSvg(batchSizes(results['26-batch-size']!), size),
    '27-overfitting': lineChartSvg(curvesOf(results['27-overfitting']!.fits[0]!)[0]!, size),
    '28-optimizers': lineChartSvg(optimizers(results['28-compare-optimizers']!), size),
  };
  for (const [name, svg] of Object.entries(charts)) writeFileSync(join(folder, `${name}.svg`), await svg);
  const explanations = readdirSync(join(project, 'explanations')).sort();
  const sheets = {
    '06-transforms': [join(project, 'preview.png')],
    '23-explanations': explanations.map((name) => join(project, 'explanations', name)),
  };
  for (const [name, paths] of Object.entries(sheets)) await writeSheet(join(folder, `${name}.webp`), paths);
}

const evaluations = (events: Events) => events.filter((event): event is EvaluationEvent => event.kind === 'evaluation');
const steps = (events: Events) => events.filter((event): event is StepEvent => event.kind === 'step');

function curvesOf(events: Events): LineChart[] {
  return learningCurves(evaluations(events).map((event) => ({ ...event, metrics: { accuracy: event.accuracy } })));
}

/** A curve for each `fit`: of an evaluation's value by epoch. */
function byEpoch(names: readonly string[], fits: readonly Events[], of: (event: EvaluationEvent) => number): Series[] {
  return names.map((name, i) => ({
    name,
    points: evaluations(fits[i]!).map((event) => [event.epoch, of(event)] as const),
  }));
}

function learningRates({ fits }: PageResult): LineChart {
  const points = steps(fits[0]!).map(({ learningRate }, i) => [i + 1, learningRate] as const);
  const series = [{ name: 'one cycle', points }];
  return { title: 'Learning rate by step', x: { label: 'step' }, y: { label: 'learning rate' }, series };
}

function clipping({ fits }: PageResult): LineChart {
  const series = ['not clipped', 'clipped to a norm of 0.1'].map((name, i) => ({
    name,
    points: steps(fits[i]!).map(({ loss }, step) => [step + 1, loss] as const),
  }));
  const y: Axis = { label: 'training loss, nats', scale: 'log' };
  return { title: 'Loss of each batch at a learning rate of 3', x: { label: 'step' }, y, series };
}

function batchSizes({ fits, output }: PageResult): LineChart {
  const names = [...output.matchAll(/^batch size \d+/gm)].map(([name]) => name);
  const series = byEpoch(names, fits, ({ training }) => training.loss);
  return { title: 'Training loss by batch size', x: epoch, y: { label: 'training loss, nats' }, series };
}

function optimizers({ fits, output }: PageResult): LineChart {
  const names = [...output.matchAll(/^\w+(?=:)/gm)].map(([name]) => name);
  const series = byEpoch(names, fits, ({ accuracy }) => accuracy);
  const y: Axis = { label: 'validation accuracy', format: 'percent' };
  return { title: 'Validation accuracy by optimizer', x: epoch, y, series };
}

const row = 26;
const margin = 16;
const textY = row / 2;

/** The blocks of a network from input to head: a bar for the parameters of each, in the colour of what is done to them. */
function blocksSvg({ commands }: PageResult): string {
  const table = [...commands[0]!.stdout.matchAll(/^(\S+) +\[.*\] +([\d,]+) +([\d,]+)/gm)];
  const blocks = table.map(([, name = '', ...counts]) => {
    const [trained = 0, frozen = 0] = counts.map((count) => Number(count.replaceAll(',', '')));
    return { name, parameters: trained + frozen, isTrained: trained > 0 };
  });
  const left = margin + Math.max(...blocks.map(({ name }) => textWidth(name, fontSize.label))) + 12;
  const most = Math.max(...blocks.map(({ parameters }) => parameters));
  const top = margin + 2 * row;
  const bars = blocks.map(({ name, parameters, isTrained }, i) => {
    const width = Math.max(2, ((size.width - left - 110) * parameters) / most);
    const ink = isTrained ? seriesInk(1) : inkOf('quiet');
    return element(
      'g',
      { transform: `translate(0 ${top + i * row})` },
      label(name, { x: left - 12, 'text-anchor': 'end' }),
      element('rect', { ...ink, x: left, y: 4, width, height: row - 8, rx: 2, fill: 'currentColor' }),
      label(parameters.toLocaleString('en'), { x: left + width + 8 }, 'quiet'),
    );
  });
  const legend = [
    element('rect', { ...seriesInk(1), x: margin, y: row + 8, width: 14, height: 14, rx: 2, fill: 'currentColor' }),
    element('rect', {
      ...inkOf('quiet'),
      x: margin + 90,
      y: row + 8,
      width: 14,
      height: 14,
      rx: 2,
      fill: 'currentColor',
    }),
    element('g', { transform: `translate(0 ${row + 2})` }, label('trained', { x: margin + 22 })),
    element('g', { transform: `translate(0 ${row + 2})` }, label('frozen', { x: margin + 112 })),
  ];
  const title = 'Parameters of each block of a ResNet-18';
  const height = top + blocks.length * row + margin;
  return documentOf(size.width, height, title, [heading(title), ...legend, ...bars]);
}

/** The confusion matrix that the page prints: errors orange, correct answers blue, the stronger the more of their row. */
function confusionSvg({ output }: PageResult): string {
  const rows = [...output.matchAll(/^(\S+) +((?:(?:\d+|·) *)+)$/gm)].map(([, name = '', cells = '']) => ({
    name,
    counts: cells
      .trim()
      .split(/ +/)
      .map((cell) => (cell === '·' ? 0 : Number(cell))),
  }));
  const cell = 36;
  const [left, top] = [margin + 56, margin + 76];
  const place = (i: number) => i * cell + cell / 2;
  const cells = rows.flatMap(({ counts }, i) => {
    const all = counts.reduce((sum, count) => sum + count);
    return counts.map((count, j) => {
      const box = { x: j * cell + 1, y: i * cell + 1, width: cell - 2, height: cell - 2, rx: 3 };
      const ink = count === 0 ? inkOf('grid') : seriesInk(i === j ? 0 : 1);
      const opacity = count === 0 ? 0.4 : 0.2 + (0.5 * count) / all;
      const at = { x: place(j), transform: `translate(0 ${i * cell + (cell - row) / 2})`, 'text-anchor': 'middle' };
      return [
        element('rect', { ...ink, ...box, fill: 'currentColor', 'fill-opacity': opacity }),
        count === 0 ? '' : label(String(count), at),
      ].join('');
    });
  });
  const names = rows.flatMap(({ name }, i) => [
    label(name, { x: -10, transform: `translate(0 ${i * cell + (cell - row) / 2})`, 'text-anchor': 'end' }, 'quiet'),
    label(name, { x: place(i), transform: `translate(0 ${-row})`, 'text-anchor': 'middle' }, 'quiet'),
  ]);
  const middle = (rows.length * cell) / 2;
  const axes = [
    label('predicted', { x: middle, transform: `translate(0 ${-row - 18})`, 'text-anchor': 'middle' }),
    label('true', { transform: `translate(${-44} ${middle}) rotate(-90)`, 'text-anchor': 'middle' }),
  ];
  const title = 'Confusion matrix of the test images';
  const side = rows.length * cell;
  return documentOf(left + side + margin, top + side + margin, title, [
    heading(title),
    element('g', { transform: `translate(${left} ${top})` }, ...cells, ...names, ...axes),
  ]);
}

function heading(title: string): string {
  return textElement(title, {
    ...inkOf('ink'),
    x: margin,
    y: margin + 10,
    fill: 'currentColor',
    'font-size': fontSize.title,
    'font-weight': 600,
  });
}

/** Text in the middle of a row. */
function label(text: string, place: Readonly<Record<string, string | number>>, ink: 'ink' | 'quiet' = 'ink'): string {
  return textElement(text, { ...inkOf(ink), y: textY, dy: '0.35em', fill: 'currentColor', ...place });
}

/** Images side by side, at most as wide as a page. */
async function writeSheet(path: string, images: readonly string[]): Promise<void> {
  const gap = 8;
  const parts = await Promise.all(images.map((image) => sharp(image).png().toBuffer({ resolveWithObject: true })));
  if (parts.length === 0) throw new Error(`${basename(path)}: there is no image.`);
  const width = parts.reduce((sum, { info }) => sum + info.width + gap, -gap);
  const height = Math.max(...parts.map(({ info }) => info.height));
  const lefts = parts.map((_, i) => parts.slice(0, i).reduce((sum, { info }) => sum + info.width + gap, 0));
  const sheet = sharp({ create: { width, height, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } });
  const joined = await sheet
    .composite(parts.map(({ data }, i) => ({ input: data, left: lefts[i]!, top: 0 })))
    .png()
    .toBuffer();
  await sharp(joined).resize({ width: 900, withoutEnlargement: true }).webp({ quality: 80 }).toFile(path);
}
