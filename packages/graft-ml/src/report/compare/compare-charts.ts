import {
  intervalChartSvg,
  type LineChart,
  lineChartSvg,
  type ParallelAxis,
  parallelChartSvg,
  type Series,
} from '@graft-ml/core/internal/chart/index';
import type { LoggedEpoch } from '@graft-ml/core/internal/runs/run-curves';
import { flagOf } from '../../text/wording.ts';
import { percent } from '../format.ts';
import { html, type Markup, trusted } from '../html.ts';
import { byAccuracy, distributionOf, type RunsSummary } from './runs-summary.ts';
import type { SummarisedRun } from './summarised-run.ts';

/** Where the script of the page finds a run in tables and charts. */
export const keyOf = (i: number) => String(i);

const accuracyAxis = { label: 'validation accuracy', format: 'percent' } as const;
/** The most options that have an axis each: the most important where that is known, else the first. */
const mostAxes = 10;
/** The most curves that have a colour. */
const mostCurves = 8;

const figure = (svg: string, kind = '') => html`<figure class="${kind}">${trusted(svg)}</figure>`;

/** The options with an axis in the chart of parallel coordinates. */
export function shownOptions({ differences: { options }, importance }: RunsSummary): readonly string[] {
  if (options.length <= mostAxes) return options;
  const share = new Map(importance.map(({ name, importance: own }) => [name, own]));
  const kept = new Set(options.toSorted((a, b) => (share.get(b) ?? 0) - (share.get(a) ?? 0)).slice(0, mostAxes));
  return options.filter((key) => kept.has(key));
}

/** An axis for each option that differs and one for accuracy; a line for each run, the stronger the better it is. */
export async function optionsChart(summary: RunsSummary): Promise<Markup | null> {
  const { runs, differences } = summary;
  const options = shownOptions(summary);
  const order = byAccuracy(runs).filter((i) => differences.raw[i] !== null);
  if (options.length === 0 || order.length < 2) return null;
  const valuesOf = (key: string) => order.map((i) => differences.raw[i]![differences.options.indexOf(key)]);
  const columns = options.map((key) => {
    const values = valuesOf(key);
    // The seed is no option of the space.
    const distribution = summary.space[key] ?? distributionOf(values);
    if (distribution.kind !== 'categorical') {
      const axis: ParallelAxis = { label: flagOf(key).slice(2), scale: distribution.log ? 'log' : 'linear' };
      return { axis, values: values.map((value) => (typeof value === 'number' ? value : null)) };
    }
    const texts = order.map((i) => differences.values[i]![differences.options.indexOf(key)] ?? '–');
    return {
      axis: { label: flagOf(key).slice(2), categories: [...new Set(texts)].sort() } as ParallelAxis,
      values: texts,
    };
  });
  const accuracies = order.map((i) => runs[i]!.validation!.accuracy);
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const svg = await parallelChartSvg({
    title: 'Options and accuracy',
    axes: [...columns.map(({ axis }) => axis), accuracyAxis],
    // The best last, so that it lies on top.
    lines: order
      .map((i, row) => ({
        name: `${runs[i]!.name}: ${percent(accuracies[row]!)}`,
        key: keyOf(i),
        values: [...columns.map(({ values }) => values[row] ?? null), accuracies[row]!],
        emphasis: high > low ? ((accuracies[row]! - low) / (high - low)) ** 2 : 1,
      }))
      .reverse(),
  });
  return html`<div class="scroll" role="region" aria-label="Options and accuracy" tabindex="0">${figure(svg, 'alone parallel')}</div>`;
}

/** Mean and interval of each way of training that was gone with several seeds. */
export async function seedsChart({ groups, runs }: RunsSummary): Promise<Markup> {
  const svg = await intervalChartSvg(
    {
      title: 'Accuracy over seeds',
      x: accuracyAxis,
      rows: groups.slice(0, 40).map(({ name, runs: own, accuracy: { mean, margin } }) => ({
        name,
        points: own.map((i) => runs[i]!.validation!.accuracy),
        mean,
        interval: own.length > 1 ? ([mean - margin, mean + margin] as const) : null,
      })),
      note: 'Points: runs. Upright stroke: mean. Bar: 95 % interval of the mean, by Student’s t.',
    },
    { width: 860 },
  );
  return figure(svg, 'alone');
}

type AtEpoch = (epoch: LoggedEpoch) => number | undefined;

const measures: readonly (readonly [title: string, y: LineChart['y'], validation: AtEpoch, training: AtEpoch])[] = [
  [
    'accuracy',
    { label: 'accuracy', format: 'percent' },
    ({ metrics }) => metrics.accuracy,
    ({ training }) => training.accuracy,
  ],
  ['loss', { label: 'loss, nats' }, ({ loss }) => loss, ({ training }) => training.loss],
];

/** The curves of all runs over one another, of validation or of training: the best in colour, the others behind them. */
export async function curveCharts({ runs }: RunsSummary, of: 'validation' | 'training'): Promise<Markup | null> {
  const order = byAccuracy(runs);
  const drawn: Markup[] = [];
  for (const [what, y, validation, training] of measures) {
    const at = of === 'validation' ? validation : training;
    const series = order.flatMap((i, rank): Series[] => {
      const points = runs[i]!.epochs.flatMap((epoch) => {
        const value = at(epoch);
        return value !== undefined && Number.isFinite(value) ? [[epoch.epoch, value] as const] : [];
      });
      return points.length > 0 ? [{ name: runs[i]!.name, points, key: keyOf(i), isContext: rank >= mostCurves }] : [];
    });
    if (series.length === 0) continue;
    const title = `${of === 'validation' ? 'Validation' : 'Training'} ${what}`;
    drawn.push(figure(await lineChartSvg({ title, x: { label: 'epoch' }, y, series }, { width: 560, height: 340 })));
  }
  if (drawn.length === 0) return null;
  const more = order.length - mostCurves;
  const note = more > 0 && html`<p class="quiet">The best ${mostCurves} in colour, the other ${more} behind them.</p>`;
  return html`<div class="charts">${drawn}</div>${note}`;
}

const verdictNames = {
  good: 'levelled off',
  overfitting: 'overfitting',
  underfitting: 'not finished',
  unknown: 'unknown',
} as const;

/** Accuracy against what it took, with the runs than which no other is both better and cheaper. */
export async function costCharts({ runs, front }: RunsSummary): Promise<Markup | null> {
  const charts = [
    ['Accuracy against time', 'seconds of training', front.seconds, ({ seconds }: SummarisedRun) => seconds.at(-1)],
    [
      'Accuracy against trained parameters',
      'trained parameters',
      front.parameters,
      ({ run }: SummarisedRun) => run.parameters.trained,
    ],
    [
      'Accuracy against operations',
      'GFLOP of training',
      front.flops,
      ({ flops }: SummarisedRun) => flops && flops.training / 1e9,
    ],
  ] as const;
  const drawn: Markup[] = [];
  for (const [title, label, best, costOf] of charts) {
    const known = byAccuracy(runs).filter(
      (i) => Number.isFinite(costOf(runs[i]!) ?? Number.NaN) && costOf(runs[i]!)! > 0,
    );
    const place = (i: number) => [costOf(runs[i]!)!, runs[i]!.validation!.accuracy] as const;
    const costs = known.map((i) => place(i)[0]);
    if (new Set(costs).size < 2) continue;
    const points = Object.entries(verdictNames).flatMap(([verdict, name]): Series[] => {
      const own = known.filter((i) => runs[i]!.fit.verdict === verdict);
      const scatter = own.map((i) => ({ name: `${runs[i]!.name}: ${percent(place(i)[1])}`, key: keyOf(i) }));
      return own.length > 0 ? [{ name, points: own.map(place), scatter }] : [];
    });
    const line: Series = { name: 'Pareto front', points: best.filter((i) => known.includes(i)).map(place) };
    const scale = Math.max(...costs) > 10 * Math.min(...costs) ? 'log' : 'linear';
    const chart = { title, x: { label, scale }, y: accuracyAxis, series: [...points, line] } as const;
    drawn.push(figure(await lineChartSvg(chart, { width: 560, height: 360 })));
  }
  return drawn.length > 0 ? html`<div class="charts">${drawn}</div>` : null;
}
