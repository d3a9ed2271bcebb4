import { element, textElement, tooltip } from '@graft-ml/core/internal/chart/draw/markup';
import { documentOf, fontSize, inkOf, seriesInk } from '@graft-ml/core/internal/chart/draw/theme';
import { formatValue } from '@graft-ml/core/internal/chart/index';

/** Shares with their intervals, a row for each thing that is compared, in groups below one another. */
export interface DotChart {
  readonly title: string;
  readonly label: string;
  /** The names of the dots of a row. */
  readonly keys: readonly string[];
  readonly groups: readonly {
    readonly title: string;
    readonly rows: readonly { readonly name: string; readonly dots: readonly Dot[] }[];
  }[];
  readonly note: string;
}

interface Dot {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const [width, left, right, rowHeight, groupHeight] = [540, 172, 28, 26, 30];
const place = (share: number) => left + share * (width - left - right);
const percent = (share: number) => formatValue(share, { label: '', format: 'percent' });

/** The chart as an SVG document in the colours of the other charts, from 0 to 100 %. */
export function dotChartSvg({ title, label, keys, groups, note }: DotChart): string {
  const top = keys.length > 1 ? 74 : 46;
  const lines: string[] = [];
  let y = top;
  for (const group of groups) {
    lines.push(text(group.title, 24, y + 20, { 'font-weight': 600 }));
    y += groupHeight;
    for (const { name, dots } of group.rows) {
      const middle = y + rowHeight / 2;
      lines.push(text(name, left - 12, middle + 4, { 'text-anchor': 'end' }));
      for (const [i, dot] of dots.entries()) {
        lines.push(interval(i, dot, middle + (i - (dots.length - 1) / 2) * 8, `${name}, ${keys[i]}`));
      }
      y += rowHeight;
    }
  }
  const shares = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const grid = shares.map((share) =>
    element('line', { x1: place(share), x2: place(share), y1: top, y2: y, stroke: 'currentColor' }),
  );
  const quiet = { 'text-anchor': 'middle', 'font-size': fontSize.tick };
  const ticks = shares.map((share) => text(percent(share), place(share), y + 18, quiet));
  return documentOf(width, y + 72, title, [
    element('g', inkOf('grid'), ...grid),
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor' },
      text(title, 24, 32, { 'font-size': fontSize.title, 'font-weight': 600 }),
      ...(keys.length > 1 ? legend(keys) : []),
      text(label, place(0.5), y + 38, { 'text-anchor': 'middle' }),
    ),
    element('g', { ...inkOf('quiet'), fill: 'currentColor' }, ...ticks, text(note, 24, y + 60, { 'font-size': 11 })),
    element('g', { ...inkOf('ink'), fill: 'currentColor' }, ...lines),
  ]);
}

function text(content: string, x: number, y: number, attributes: Readonly<Record<string, string | number>> = {}) {
  return textElement(content, { x, y, fill: 'currentColor', ...attributes });
}

/** The interval as a line, the value as a dot; the second series' dots are hollow. */
function interval(series: number, { value, low, high }: Dot, y: number, name: string): string {
  const said = `${name}: ${percent(value)} (${percent(low)} to ${percent(high)})`;
  const stroke = { stroke: 'currentColor', 'stroke-width': 2 };
  return element(
    'g',
    seriesInk(series),
    tooltip(said),
    element('line', { x1: place(low), x2: place(high), y1: y, y2: y, ...stroke }),
    dotAt(series, place(value), y),
  );
}

function dotAt(series: number, x: number, y: number): string {
  const paper = element('circle', { cx: x, cy: y, r: 4, ...inkOf('paper'), fill: 'currentColor' });
  const fill = series === 1 ? 'none' : 'currentColor';
  return paper + element('circle', { cx: x, cy: y, r: 4, fill, stroke: 'currentColor', 'stroke-width': 2 });
}

function legend(keys: readonly string[]): string[] {
  return keys.map((key, i) => {
    const x = left + 5 + i * 172;
    return element('g', seriesInk(i), dotAt(i, x, 56)) + text(key, x + 12, 60);
  });
}
