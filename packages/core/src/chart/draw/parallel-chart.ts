import { printableName } from '../../base/printable.ts';
import type { ParallelAxis, ParallelChart } from '../parallel-chart.ts';
import { type DrawnAxis, layOutAxis, type Span } from './axis.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip, wrapped } from './markup.ts';
import { documentOf, fontSize, inkOf, lineHeight, seriesInk } from './theme.ts';

const margin = 16;

/** An axis with its place from the left, in pixels. */
interface PlacedAxis {
  readonly at: number;
  readonly label: string;
  readonly drawn: Pick<DrawnAxis, 'ticks'>;
  readonly place: (value: number | string | null) => number;
}

/** The chart as an SVG document of that many pixels. Each axis is a `g` with its number as `data-axis`. */
export function drawParallelChart(chart: ParallelChart, width: number, height: number): string {
  const title = wrapped(printableName(chart.title), width - 2 * margin, fontSize.title, 2, true);
  const top = margin + title.length * (lineHeight + 2) + 2 * lineHeight + 8;
  const span: Span = [height - margin - 8, top];
  const axes = placed(chart, span, width);
  const lines = chart.lines.map(({ name, key, values, emphasis = 1 }) => {
    const d = pathThrough(values.map((value, i) => [axes[i]!.at, axes[i]!.place(value)] as const));
    return element(
      'g',
      { 'data-key': key, 'stroke-opacity': 0.15 + 0.8 * emphasis },
      tooltip(printableName(name)),
      // An invisible line that is wide enough for a pointer lies over the visible one.
      element('path', { d, 'stroke-width': 1.5 }),
      element('path', { d, 'stroke-width': 9, 'stroke-opacity': 0 }),
    );
  });
  return documentOf(width, height, printableName(chart.title), [
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'font-size': fontSize.title, 'font-weight': 600 },
      ...title.map((text, i) => textElement(text, { x: margin, y: margin + 13 + i * (lineHeight + 2) })),
    ),
    element('g', { ...seriesInk(0), fill: 'none', stroke: 'currentColor', 'stroke-linejoin': 'round' }, ...lines),
    ...axes.map((axis, i) => drawAxis(axis, i, span, { isLast: i === axes.length - 1, width, count: axes.length })),
  ]);
}

function placed({ axes, lines }: ParallelChart, span: Span, width: number): PlacedAxis[] {
  const drawn = axes.map((axis, i) =>
    scaleOf(
      axis,
      span,
      lines.map(({ values }) => values[i] ?? null),
    ),
  );
  const first = Math.max(0, ...(drawn[0]?.drawn.ticks ?? []).map(({ label }) => textWidth(label, fontSize.tick)));
  const left = margin + Math.min(first + 10, width / 4);
  const step = axes.length > 1 ? (width - margin - 8 - left) / (axes.length - 1) : 0;
  return axes.map(({ label }, i) => ({ at: left + i * step, label: printableName(label), ...drawn[i]! }));
}

/** Numbers as on any axis, categories at equal distances. */
function scaleOf(axis: ParallelAxis, span: Span, values: readonly (number | string | null)[]) {
  if (axis.categories === undefined) {
    const numbers = values.filter((value) => typeof value === 'number');
    const drawn = layOutAxis(numbers, {
      scale: axis.scale ?? 'linear',
      format: axis.format,
      span,
      spacing: 44,
      round: false,
      fits: (ticks) => ticks.every(({ at }, i) => i === 0 || Math.abs(at - ticks[i - 1]!.at) >= lineHeight - 4),
    });
    return {
      drawn,
      place: (value: number | string | null) => (typeof value === 'number' ? drawn.place(value) : Number.NaN),
    };
  }
  const { categories } = axis;
  const at = (i: number) =>
    categories.length === 1 ? (span[0] + span[1]) / 2 : span[0] + ((span[1] - span[0]) * i) / (categories.length - 1);
  const ticks = categories.map((label, i) => ({ at: at(i), label: printableName(label) }));
  const place = (value: number | string | null) => {
    const i = categories.indexOf(String(value));
    return value === null || i < 0 ? Number.NaN : at(i);
  };
  return { drawn: { ticks }, place };
}

/** A path through the points, which begins anew behind a gap. */
function pathThrough(points: readonly (readonly [x: number, y: number])[]): string {
  let isDown = false;
  return points
    .map(([x, y]) => {
      if (!Number.isFinite(y)) {
        isDown = false;
        return '';
      }
      const command = isDown ? 'L' : 'M';
      isDown = true;
      return `${command}${decimal(x)} ${decimal(y)}`;
    })
    .join('');
}

function drawAxis(
  { at, label, drawn }: PlacedAxis,
  index: number,
  [bottom, top]: Span,
  { isLast, width, count }: { readonly isLast: boolean; readonly width: number; readonly count: number },
): string {
  const room = (width - 2 * margin) / Math.max(1, count - 1) - 12;
  const shown = drawn.ticks.length > 14 ? [] : drawn.ticks;
  const texts = shown.map((tick) =>
    textElement(fitted(tick.label, index === 0 ? width / 4 : room, fontSize.tick), {
      x: at - 7,
      y: tick.at,
      dy: '0.35em',
      'text-anchor': 'end',
      // A halo of paper keeps the label readable above the lines.
      class: 'halo',
    }),
  );
  const anchor = index === 0 ? 'start' : isLast ? 'end' : 'middle';
  const x = index === 0 ? Math.min(at, margin) : isLast ? width - 8 : at;
  // Neighbouring names stand in two rows.
  const y = top - 14 - (index % 2) * lineHeight;
  const name = fitted(label, index === 0 || isLast ? 1.6 * room : 2 * room, fontSize.label);
  return element(
    'g',
    { 'data-axis': index },
    element('path', {
      ...inkOf('ink'),
      d: `M${decimal(at)} ${decimal(bottom)}V${decimal(top)}${shown.map((tick) => `M${decimal(at)} ${decimal(tick.at)}h-4`).join('')}`,
      stroke: 'currentColor',
    }),
    element('g', { ...inkOf('quiet'), fill: 'currentColor', 'font-size': fontSize.tick }, ...texts),
    textElement(name, { ...inkOf('ink'), fill: 'currentColor', x, y, 'text-anchor': anchor, class: 'ink halo' }),
  );
}
