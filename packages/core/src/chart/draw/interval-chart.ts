import { printableName } from '../../base/printable.ts';
import type { IntervalChart, IntervalRow } from '../interval-chart.ts';
import { type DrawnAxis, layOutAxis } from './axis.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip, wrapped } from './markup.ts';
import { documentOf, fontSize, inkOf, lineHeight, seriesInk } from './theme.ts';

const margin = 16;
const rowHeight = 26;

/** The chart as an SVG document that is so wide, and as high as its rows need. */
export function drawIntervalChart(chart: IntervalChart, width: number): string {
  const title = wrapped(printableName(chart.title), width - 2 * margin, fontSize.title, 2, true);
  const note = chart.note ? wrapped(printableName(chart.note), width - 2 * margin, fontSize.tick, 2) : [];
  const top = margin + title.length * (lineHeight + 2) + 6;
  const bottom = top + chart.rows.length * rowHeight;
  const height = bottom + 2 * lineHeight + 14 + note.length * lineHeight;
  const names = chart.rows.map(({ name }) => printableName(name));
  const left =
    margin + Math.min(0.45 * width, Math.max(0, ...names.map((name) => textWidth(name, fontSize.legend)))) + 12;
  const values = chart.rows.flatMap(({ points, mean, interval }) => [...points, mean, ...(interval ?? [])]);
  const x = layOutAxis(values, {
    scale: chart.x.scale ?? 'linear',
    format: chart.x.format,
    span: [left, width - margin - 14],
    spacing: 68,
    round: true,
    fits: (ticks) =>
      ticks.every(({ at, label }, i) => i === 0 || at - ticks[i - 1]!.at > textWidth(label, fontSize.tick) + 8),
  });
  const grid = x.ticks.map(({ at }) => `M${decimal(at)} ${top}V${bottom}`).join('');
  return documentOf(width, height, printableName(chart.title), [
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'font-size': fontSize.title, 'font-weight': 600 },
      ...title.map((text, i) => textElement(text, { x: margin, y: margin + 13 + i * (lineHeight + 2) })),
    ),
    element('path', { ...inkOf('grid'), d: grid, stroke: 'currentColor' }),
    ...chart.rows.map((row, i) => drawRow(row, names[i]!, x, { left, y: top + (i + 0.5) * rowHeight })),
    element(
      'g',
      { ...inkOf('quiet'), fill: 'currentColor', 'font-size': fontSize.tick, 'text-anchor': 'middle' },
      ...x.ticks.map(({ at, label }) => textElement(label, { x: at, y: bottom + 16 })),
    ),
    textElement(fitted(printableName(chart.x.label), width - left, fontSize.label), {
      ...inkOf('ink'),
      fill: 'currentColor',
      x: (left + width - margin) / 2,
      y: bottom + 2 * lineHeight,
      'text-anchor': 'middle',
    }),
    ...note.map((text, i) =>
      textElement(text, {
        ...inkOf('quiet'),
        fill: 'currentColor',
        'font-size': fontSize.tick,
        x: margin,
        y: bottom + 2 * lineHeight + (i + 1) * lineHeight,
      }),
    ),
  ]);
}

function drawRow(
  { key, points, mean, interval }: IntervalRow,
  name: string,
  { place }: Pick<DrawnAxis, 'place'>,
  { left, y }: { readonly left: number; readonly y: number },
): string {
  const label = fitted(name, left - margin - 10, fontSize.legend);
  const bar =
    interval === null
      ? ''
      : element('path', {
          d: `M${decimal(place(interval[0]))} ${y}H${decimal(place(interval[1]))}`,
          stroke: 'currentColor',
          'stroke-width': 7,
          'stroke-opacity': 0.25,
          'stroke-linecap': 'round',
        });
  return element(
    'g',
    { 'data-key': key },
    tooltip(name),
    textElement(label, {
      ...inkOf('ink'),
      fill: 'currentColor',
      'font-size': fontSize.legend,
      x: left - 10,
      y,
      dy: '0.35em',
      'text-anchor': 'end',
    }),
    element(
      'g',
      { ...seriesInk(0), fill: 'currentColor' },
      bar,
      ...points.map((value) => element('circle', { cx: place(value), cy: y, r: 3, 'fill-opacity': 0.6 })),
      element('path', { d: `M${decimal(place(mean))} ${y - 8}v16`, stroke: 'currentColor', 'stroke-width': 2.5 }),
    ),
  );
}
