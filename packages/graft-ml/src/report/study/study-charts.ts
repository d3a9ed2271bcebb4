import { type LineChart, lineChartSvg, type Series } from '@graft-ml/core/internal/chart/index';
import { html, type Markup, trusted } from '../html.ts';
import type { StudyRun } from './study-run.ts';

/** A way of training as a curve: the mean of its runs, and from the lowest to the highest of them as a band. */
export interface Way {
  readonly name: string;
  readonly runs: readonly StudyRun[];
}

/** A number of a run at the end of an epoch. */
type AtEpoch = (run: StudyRun, index: number) => number;

export const validationAccuracy: AtEpoch = ({ epochs }, i) => epochs[i]!.metrics.accuracy ?? Number.NaN;
export const validationLoss: AtEpoch = ({ epochs }, i) => epochs[i]!.loss;
export const epochNumber: AtEpoch = ({ epochs }, i) => epochs[i]!.epoch;
export const secondsSoFar: AtEpoch = ({ seconds }, i) => seconds[i]!;
export const gigaflopsSoFar: AtEpoch = ({ flops }, i) => flops[i]! / 1e9;

/** A curve of a way of training, over the epochs that all of its runs have. */
export function curveOf({ name, runs }: Way, x: AtEpoch, y: AtEpoch): Series {
  const epochs = Math.min(...runs.map((run) => run.epochs.length));
  const at = Array.from({ length: epochs }, (_, i) => {
    const values = runs.map((run) => y(run, i));
    return { x: mean(runs.map((run) => x(run, i))), values };
  }).filter(({ x: place, values }) => Number.isFinite(place) && values.every(Number.isFinite));
  const points = at.map(({ x: place, values }) => [place, mean(values)] as const);
  if (runs.length === 1) return { name, points };
  const band = at.map(({ x: place, values }) => [place, Math.min(...values), Math.max(...values)] as const);
  return { name, points, band };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const size = { width: 560, height: 340 } as const;

/** Charts beside one another; those in which nothing can be drawn are left out. */
export async function figures(charts: readonly LineChart[]): Promise<Markup | null> {
  const drawn: Markup[] = [];
  for (const chart of charts) {
    const series = chart.series.filter(({ points }) => points.length > 0);
    if (series.length === 0) continue;
    drawn.push(html`<figure>${trusted(await lineChartSvg({ ...chart, series }, size))}</figure>`);
  }
  return drawn.length > 0 ? html`<div class="charts">${drawn}</div>` : null;
}

export const accuracyAxis = { label: 'validation accuracy', format: 'percent' } as const;

/** Validation accuracy and loss by epoch. */
export function epochCharts(ways: readonly Way[]): LineChart[] {
  const x = { label: 'epoch' };
  return [
    {
      title: 'Validation accuracy',
      ...{ x, y: accuracyAxis },
      series: ways.map((way) => curveOf(way, epochNumber, validationAccuracy)),
    },
    {
      title: 'Validation loss',
      ...{ x, y: { label: 'loss, nats' } },
      series: ways.map((way) => curveOf(way, epochNumber, validationLoss)),
    },
  ];
}

/** Validation accuracy against what it took: seconds, and operations. */
export function costCharts(ways: readonly Way[], where = ''): LineChart[] {
  const against = (title: string, label: string, x: AtEpoch): LineChart => {
    const series = ways.map((way) => curveOf(way, x, validationAccuracy));
    return { title: `${title}${where}`, x: { label, scale: scaleOf(series) }, y: accuracyAxis, series };
  };
  return [
    against('Accuracy against time', 'seconds of training', secondsSoFar),
    against('Accuracy against operations', 'GFLOP of training', gigaflopsSoFar),
  ];
}

/** Logarithmic where curves lie further apart than a linear axis shows. */
export function scaleOf(series: readonly Series[]): 'linear' | 'log' {
  const places = series.flatMap(({ points }) => points.map(([x]) => x));
  return Math.max(...places) > 10 * Math.min(...places) ? 'log' : 'linear';
}
