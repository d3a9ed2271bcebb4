import { plot } from 'asciichart';
import { printableName } from '../base/printable.ts';
import { type Axis, formatValue, type LineChart, type Series } from './line-chart.ts';

export interface TextSize {
  /** Columns of the curve, without its axis. Default 64. */
  readonly width?: number;
  /** Rows between the lowest and the highest value. Default 12. */
  readonly height?: number;
}

/** The chart in characters, for a terminal: lines of text without colour, and without marks. */
export function lineChartText(chart: LineChart, { width = 64, height = 12 }: TextSize = {}): string {
  const series = chart.series.map(drawable).filter(({ points }) => points.length > 0);
  if (series.length === 0) return `${printableName(chart.title)}: no points`;
  const [low, high] = range(series.flatMap(({ points }) => points.map(([x]) => x)));
  const at = (column: number) => between(chart.x, low, high, width > 1 ? column / (width - 1) : 0);
  const values = series.map((one) => Array.from({ length: width }, (_, column) => valueAt(one, at(column), chart.x)));
  const [bottom, top] = range(values.flat());
  // In rows from 0 up: asciichart counts them, and would loop forever where neighbours are the same number.
  const rowOf = (value: number) => (top > bottom ? ((value - bottom) / (top - bottom)) * height : 0);
  const drawing = plot(
    values.map((row) => row.map(rowOf)),
    {
      height: top > bottom ? height : 0,
      // The label is one place wide, however long it is; the axis stands behind it.
      offset: 2,
      format: (row) =>
        formatValue(labelOf(bottom + ((top - bottom) * row) / height, top - bottom), chart.y).padStart(margin - 1),
    },
  );
  const [first, middle, last] = [0, 0.5, 1].map((part) => formatValue(between(chart.x, low, high, part), chart.x));
  const gap = width - first!.length - middle!.length - last!.length;
  const ticks = [first, ' '.repeat(Math.max(1, gap >> 1)), middle, ' '.repeat(Math.max(1, gap - (gap >> 1))), last];
  const indent = ' '.repeat(margin);
  const curve = drawing.split('\n').map((line) => line.trimEnd());
  return [
    `${indent}${printableName(chart.title)}`,
    ...curve,
    indent + ticks.join(''),
    `${indent}${chart.x.label}`,
  ].join('\n');
}

/** Columns that the axis takes. */
const margin = 10;

/** Drops points that are not finite. */
function drawable({ name, points }: Series): Series {
  return { name, points: points.filter((point) => point.every(Number.isFinite)) };
}

/** Zero for a number that differs from it by rounding alone. */
const labelOf = (value: number, span: number) => (Math.abs(value) < 1e-9 * span ? 0 : value);

function range(values: readonly number[]): [low: number, high: number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/** The place a part of the way along an axis. */
function between({ scale }: Axis, low: number, high: number, part: number): number {
  return scale === 'log' ? low * (high / low) ** part : low + (high - low) * part;
}

/** The value at x on the line between the two points around it; beyond the ends, the nearest point's. */
function valueAt({ points }: Series, x: number, { scale }: Axis): number {
  const next = points.findIndex(([at]) => at >= x);
  if (next <= 0) return points.at(next === 0 ? 0 : -1)![1];
  const [[x0, y0], [x1, y1]] = [points[next - 1]!, points[next]!];
  const place = (value: number) => (scale === 'log' ? Math.log(value) : value);
  return y0 + ((y1 - y0) * (place(x) - place(x0))) / (place(x1) - place(x0));
}
