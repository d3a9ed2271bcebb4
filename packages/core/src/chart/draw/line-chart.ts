import {
  line,
  type SymbolType,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolTriangle,
} from 'd3-shape';
import { printableName } from '../../base/printable.ts';
import type { LineChart } from '../line-chart.ts';
import { type DrawnAxis, isDrawable, layOutAxis, type Span, stretched, type Tick } from './axis.ts';
import { layOutLegend, swatchWidth } from './legend.ts';
import { drawMarks, placeMarks, rowCount } from './marks.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip, wrapped } from './markup.ts';
import { documentOf, fontSize, inkOf, lineHeight, seriesDash, seriesInk } from './theme.ts';

/** Pixels between the edge and what is drawn. */
const margin = 16;
/** The largest shares of the height: the legend's, and that of the marks' labels. */
const legendShare = 0.4;
const marksShare = 0.2;
/** Pixels between points, on average, from which each is shown by a symbol. */
const sparse = 22;
/** The area of a symbol, in square pixels. */
const symbolSize = 34;
const symbols: readonly SymbolType[] = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond, symbolCross];

/** Both axes in the rectangle between them; `top` is less than `bottom`. In pixels. */
interface Plot {
  readonly x: DrawnAxis;
  readonly y: DrawnAxis;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** True where no point has a place in it. */
  readonly empty: boolean;
}

type Point = readonly [x: number, y: number];

/** The chart as an SVG document of that many pixels. */
export function drawLineChart(chart: LineChart, width: number, height: number): string {
  const title = wrapped(printableName(chart.title), width - 2 * margin, fontSize.title, 2, true);
  const top = margin + title.length * (lineHeight + 2) + 4;
  const withSymbols = chart.series.map(({ points }) => points.length * sparse <= width);
  const legend =
    chart.series.length > 1
      ? layOutLegend(
          chart.series.map(({ name }, i) => ({ name: printableName(name), swatch: swatchOf(i, withSymbols[i]!) })),
          width - 2 * margin,
          height * legendShare,
        )
      : undefined;
  const plotTop = top + (legend?.height ?? 0) + 10;
  const { plot, marks } = layOutPlot(chart, width, height, plotTop);
  return documentOf(width, height, printableName(chart.title), [
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'font-size': fontSize.title, 'font-weight': 600 },
      ...title.map((text, i) => textElement(text, { x: margin, y: margin + 13 + i * (lineHeight + 2) })),
    ),
    ...(legend === undefined ? [] : [element('g', { transform: `translate(${margin} ${top})` }, legend.markup)]),
    ...drawAxes(chart, plot),
    ...drawMarks(marks, [plotTop, plot.bottom]),
    ...chart.series.map((series, i) => drawSeries(series, i, plot, withSymbols[i]!)),
  ]);
}

/** Lays out everything below the legend. Labels of marks stand in rows above the plot, so that they hide no curve. */
function layOutPlot(chart: LineChart, width: number, height: number, plotTop: number) {
  const scaleX = chart.x.scale ?? 'linear';
  const scaleY = chart.y.scale ?? 'linear';
  const points = chart.series
    .flatMap((series) => series.points)
    .filter(([x, y]) => isDrawable(x, scaleX) && isDrawable(y, scaleY));
  const marks = (chart.marks ?? []).filter(({ at }) => isDrawable(at, scaleX));
  const bottom = Math.max(plotTop + 1, height - margin - 2 * lineHeight - 6);

  // The width of the labels decides how many rows the marks need, and these how high the axis is. So the ticks are
  // chosen for the most rows that there may be; on a longer axis, they fit all the better.
  const mostRows = Math.min(marks.length, Math.floor((height * marksShare) / lineHeight));
  const shortest: Span = [bottom, Math.min(plotTop + mostRows * lineHeight, bottom - 1)];
  const y = layOutAxis(
    points.map(([, value]) => value),
    {
      scale: scaleY,
      span: shortest,
      spacing: 44,
      round: true,
      fits: (ticks) => ticks.every(({ at }, i) => i === 0 || Math.abs(at - ticks[i - 1]!.at) >= lineHeight),
    },
  );
  const labelWidth = Math.max(0, ...y.ticks.map(({ label }) => textWidth(label, fontSize.tick)));
  const left = Math.min(margin + lineHeight + labelWidth + 12, width / 2);
  const right = Math.max(left + 1, width - margin - 10);
  const x = layOutAxis([...points.map(([value]) => value), ...marks.map(({ at }) => at)], {
    scale: scaleX,
    span: [left, right],
    spacing: 68,
    round: false,
    fits: (ticks) => standApart(ticks, width),
  });
  const placed = placeMarks(marks, x, [left, width - 4], mostRows);
  const top = Math.min(plotTop + rowCount(placed) * lineHeight, bottom - 1);
  const plot: Plot = {
    x,
    y: stretched(y, shortest, [bottom, top]),
    left,
    right,
    top,
    bottom,
    empty: points.length === 0,
  };
  return { plot, marks: placed };
}

/** True where labels under an axis keep their distance from one another and from the edges. */
function standApart(ticks: readonly Tick[], width: number): boolean {
  const ends = ticks.map(({ at, label }) => {
    const half = textWidth(label, fontSize.tick) / 2;
    return [at - half, at + half] as const;
  });
  return ends.every(([start, end], i) => start >= (i === 0 ? 2 : ends[i - 1]![1] + 10) && end <= width - 2);
}

function drawAxes(chart: LineChart, { x, y, left, right, top, bottom, empty }: Plot): string[] {
  const grid = y.ticks.map(({ at }) => `M${decimal(left)} ${decimal(at)}H${decimal(right)}`);
  const ticks = [
    ...x.ticks.map(({ at }) => `M${decimal(at)} ${decimal(bottom)}v5`),
    ...x.minor.map((at) => `M${decimal(at)} ${decimal(bottom)}v3`),
    ...y.minor.map((at) => `M${decimal(left)} ${decimal(at)}h-3`),
  ];
  const middleX = (left + right) / 2;
  const middleY = (top + bottom) / 2;
  const labelX = fitted(printableName(chart.x.label), right - left, fontSize.label);
  const labelY = fitted(printableName(chart.y.label), bottom - top, fontSize.label);
  return [
    element('path', { ...inkOf('grid'), d: grid.join(''), stroke: 'currentColor' }),
    element('path', {
      ...inkOf('quiet'),
      d: `M${decimal(left)} ${decimal(bottom)}H${decimal(right)}${ticks.join('')}`,
      stroke: 'currentColor',
    }),
    element(
      'g',
      { ...inkOf('quiet'), fill: 'currentColor', 'font-size': fontSize.tick },
      ...x.ticks.map(({ at, label }) => textElement(label, { x: at, y: bottom + 18, 'text-anchor': 'middle' })),
      ...y.ticks.map(({ at, label }) => textElement(label, { x: left - 8, y: at, dy: '0.35em', 'text-anchor': 'end' })),
    ),
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'text-anchor': 'middle' },
      textElement(labelX, { x: middleX, y: bottom + 2 * lineHeight + 4 }),
      textElement(labelY, { transform: `translate(${margin + 10} ${decimal(middleY)}) rotate(-90)` }),
      ...(empty ? [textElement('no points', { x: middleX, y: middleY })] : []),
    ),
  ];
}

/** The curve with its gaps; a point between two gaps is no line, and is shown by a symbol. */
function drawSeries(
  { name, points }: LineChart['series'][number],
  index: number,
  plot: Plot,
  withSymbols: boolean,
): string {
  const places = points.map(([x, y]) => [plot.x.place(x), plot.y.place(y)] as const);
  const isPlace = (place: Point | undefined) => place?.every(Number.isFinite) ?? false;
  const curve = line<Point>(
    ([x]) => x,
    ([, y]) => y,
  )
    .defined(isPlace)
    .digits(2);
  const path = curve(places);
  const shown = places.filter(
    (place, i) => isPlace(place) && (withSymbols || !(isPlace(places[i - 1]) || isPlace(places[i + 1]))),
  );
  return element(
    'g',
    { ...seriesInk(index), fill: 'currentColor' },
    tooltip(printableName(name)),
    path === null ? '' : element('path', { d: path, ...stroke(index) }),
    ...shown.map(([x, y]) => symbolAt(index, x, y)),
  );
}

function swatchOf(index: number, withSymbol: boolean): string {
  return element(
    'g',
    { ...seriesInk(index), fill: 'currentColor' },
    element('path', { d: `M0 0H${swatchWidth}`, ...stroke(index) }),
    withSymbol ? symbolAt(index, swatchWidth / 2, 0) : '',
  );
}

function stroke(index: number) {
  return {
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': 2,
    'stroke-linejoin': 'round',
    'stroke-dasharray': seriesDash(index),
  };
}

function symbolAt(index: number, x: number, y: number): string {
  const shape = symbol(symbols[index % symbols.length], symbolSize).digits(2);
  return element('path', { d: shape() ?? '', transform: `translate(${decimal(x)} ${decimal(y)})` });
}
