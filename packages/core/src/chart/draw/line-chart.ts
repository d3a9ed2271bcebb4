import {
  area,
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
import { drawEndLabels, endLabelsWidth } from './end-labels.ts';
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
type Scale = NonNullable<LineChart['x']['scale']>;

/** The charts below each other as one SVG document, each of that many pixels. */
export function drawLineCharts(charts: readonly LineChart[], width: number, height: number): string {
  const label = charts.map(({ title }) => printableName(title)).join('; ');
  const drawn = charts.map((chart, i) => {
    const parts = partsOf(chart, width, height);
    return i === 0 ? parts.join('') : element('g', { transform: `translate(0 ${i * height})` }, ...parts);
  });
  return documentOf(width, height * charts.length, label, drawn);
}

/** The chart as an SVG document of that many pixels. */
export function drawLineChart(chart: LineChart, width: number, height: number): string {
  return drawLineCharts([chart], width, height);
}

/** Everything of a chart but its background. */
function partsOf(chart: LineChart, width: number, height: number): string[] {
  const title = wrapped(printableName(chart.title), width - 2 * margin, fontSize.title, 2, true);
  const top = margin + title.length * (lineHeight + 2) + 4;
  const note = !chart.note ? [] : wrapped(printableName(chart.note), width - 2 * margin, fontSize.tick, 2);
  const bottom = height - note.length * lineHeight;
  const named = chart.series.filter(({ isContext = false }) => !isContext);
  const context = chart.series.filter(({ isContext = false }) => isContext);
  const withSymbols = named.map(({ points, scatter }) => scatter !== undefined || points.length * sparse <= width);
  const names = named.map(({ name }) => printableName(name));
  // Names stand at the ends of the curves where all of these end together, and above the plot where they do not.
  const isCurves = named.every(({ scatter }) => scatter === undefined);
  const ends = { ...chart, series: named };
  const besides = isCurves && endsTogether(ends) ? endLabelsWidth(names, width, bottom - top - 3 * lineHeight) : null;
  const legend =
    names.length > 1 && besides === null
      ? layOutLegend(
          named.map((series, i) => ({ name: names[i]!, swatch: swatchOf(series, i, withSymbols[i]!) })),
          width - 2 * margin,
          height * legendShare,
        )
      : undefined;
  const plotTop = top + (legend?.height ?? 0) + 10;
  const { plot, marks } = layOutPlot(chart, { width, height: bottom, plotTop, besides: besides ?? 0 });
  return [
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'font-size': fontSize.title, 'font-weight': 600 },
      ...title.map((text, i) => textElement(text, { x: margin, y: margin + 13 + i * (lineHeight + 2) })),
    ),
    ...(legend === undefined ? [] : [element('g', { transform: `translate(${margin} ${top})` }, legend.markup)]),
    ...drawAxes(chart, plot),
    ...drawMarks(marks, [plotTop, plot.bottom]),
    ...context.map((series) => drawContext(series, plot)),
    ...named.map((series, i) => drawBand(series, i, plot)),
    ...named.map((series, i) => drawSeries(series, i, plot, withSymbols[i]!)),
    ...(besides === null ? [] : namesAtEnds(ends, plot, besides)),
    ...note.map((text, i) =>
      textElement(text, {
        ...inkOf('quiet'),
        fill: 'currentColor',
        'font-size': fontSize.tick,
        x: margin,
        y: bottom + (i + 0.5) * lineHeight - 4,
      }),
    ),
  ];
}

/** True where there are several curves, and the last points of all have the chart's largest x. */
function endsTogether({ series, x, y }: LineChart): boolean {
  const ends = series.map(({ points }) => lastDrawable(points, x.scale ?? 'linear', y.scale ?? 'linear'));
  const most = Math.max(...ends.map((end) => end?.[0] ?? Number.NaN));
  return series.length > 1 && ends.every((end) => end?.[0] === most);
}

function lastDrawable(points: readonly Point[], scaleX: Scale, scaleY: Scale): Point | undefined {
  return points.findLast(([x, y]) => isDrawable(x, scaleX) && isDrawable(y, scaleY));
}

function namesAtEnds({ series, x, y }: LineChart, plot: Plot, width: number): string[] {
  const labels = series.map(({ name, points }) => {
    const [, end] = lastDrawable(points, x.scale ?? 'linear', y.scale ?? 'linear')!;
    return { name: printableName(name), y: plot.y.place(end) };
  });
  const strokes = series.map((_, i) => seriesInk(i));
  return drawEndLabels(labels, { right: plot.right, top: plot.top, bottom: plot.bottom, width }, strokes);
}

/** The interval around a curve, behind all curves. */
function drawBand({ band }: LineChart['series'][number], index: number, plot: Plot): string {
  if (band === undefined) return '';
  const places = band.map(([x, low, high]) => [plot.x.place(x), plot.y.place(low), plot.y.place(high)] as const);
  const shape = area<(typeof places)[number]>(
    ([x]) => x,
    ([, low]) => low,
    ([, , high]) => high,
  )
    .defined((place) => place.every(Number.isFinite))
    .digits(2);
  const d = shape(places);
  return d === null ? '' : element('path', { ...seriesInk(index), d, fill: 'currentColor', 'fill-opacity': 0.13 });
}

/** Lays out everything below the legend. Labels of marks stand in rows above the plot, so that they hide no curve. */
function layOutPlot(
  chart: LineChart,
  {
    width,
    height,
    plotTop,
    besides,
  }: { readonly width: number; readonly height: number; readonly plotTop: number; readonly besides: number },
) {
  const scaleX = chart.x.scale ?? 'linear';
  const scaleY = chart.y.scale ?? 'linear';
  const points = chart.series
    .flatMap(({ points: own, band = [] }): readonly Point[] => [
      ...own,
      ...band.flatMap(([x, low, high]): Point[] => [
        [x, low],
        [x, high],
      ]),
    ])
    .filter(([x, y]) => isDrawable(x, scaleX) && isDrawable(y, scaleY));
  const marks = (chart.marks ?? []).filter(({ at }) => isDrawable(at, scaleX));
  const bottom = Math.max(plotTop + 1, height - margin - 2 * lineHeight - 6);

  // The width of the labels decides how many rows the marks need, and these how high the axis is. So the ticks are
  // chosen for the most rows that there may be; on a longer axis, they fit all the better.
  const mostRows = Math.max(0, Math.min(marks.length, Math.floor((height * marksShare) / lineHeight)));
  const shortest: Span = [bottom, Math.min(plotTop + mostRows * lineHeight, bottom - 1)];
  const y = layOutAxis(
    points.map(([, value]) => value),
    {
      scale: scaleY,
      format: chart.y.format,
      span: shortest,
      // Few gridlines: four or five, on a low chart closer to one another.
      spacing: Math.min(64, Math.max(40, (shortest[0] - shortest[1]) / 4.5)),
      round: true,
      fits: (ticks) => ticks.every(({ at }, i) => i === 0 || Math.abs(at - ticks[i - 1]!.at) >= lineHeight),
    },
  );
  const labelWidth = Math.max(0, ...y.ticks.map(({ label }) => textWidth(label, fontSize.tick)));
  const left = Math.min(margin + lineHeight + labelWidth + 12, width / 2);
  const right = Math.max(left + 1, width - margin - Math.max(10, besides));
  const x = layOutAxis([...points.map(([value]) => value), ...marks.map(({ at }) => at)], {
    scale: scaleX,
    format: chart.x.format,
    span: [left, right],
    spacing: 68,
    round: false,
    fits: (ticks) => standApart(ticks, width),
  });
  const placed = placeMarks(marks, x, [left, besides > 0 ? right : width - 4], mostRows);
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

/** A thin curve behind the others. */
function drawContext({ name, points, key }: LineChart['series'][number], plot: Plot): string {
  const d = pathOf(points.map(([x, y]) => [plot.x.place(x), plot.y.place(y)] as const));
  if (d === null) return '';
  const path = element('path', { d, fill: 'none', stroke: 'currentColor', 'stroke-width': 1, 'stroke-opacity': 0.55 });
  return element('g', { ...inkOf('quiet'), 'data-key': key }, tooltip(printableName(name)), path);
}

/** Symbols with names of their own. */
function drawScatter({ points, scatter = [] }: LineChart['series'][number], index: number, plot: Plot): string {
  const drawn = points.map(([x, y], i) => {
    const place = [plot.x.place(x), plot.y.place(y)] as const;
    const label = scatter[i];
    if (!isPlace(place) || label === undefined) return '';
    return element('g', { 'data-key': label.key }, tooltip(printableName(label.name)), symbolAt(index, ...place));
  });
  return element('g', { ...seriesInk(index), fill: 'currentColor' }, ...drawn);
}

const isPlace = (place: Point | undefined): place is Point => place?.every(Number.isFinite) ?? false;

function pathOf(places: readonly Point[]): string | null {
  const curve = line<Point>(
    ([x]) => x,
    ([, y]) => y,
  )
    .defined(isPlace)
    .digits(2);
  return curve(places);
}

/** The curve with its gaps; a point between two gaps is no line, and is shown by a symbol. */
function drawSeries(series: LineChart['series'][number], index: number, plot: Plot, withSymbols: boolean): string {
  const { name, points, scatter, key } = series;
  if (scatter !== undefined) return drawScatter(series, index, plot);
  const places = points.map(([x, y]) => [plot.x.place(x), plot.y.place(y)] as const);
  const path = pathOf(places);
  const shown = places.filter(
    (place, i) => isPlace(place) && (withSymbols || !(isPlace(places[i - 1]) || isPlace(places[i + 1]))),
  );
  return element(
    'g',
    { ...seriesInk(index), fill: 'currentColor', 'data-key': key },
    tooltip(printableName(name)),
    path === null ? '' : element('path', { d: path, ...stroke(index) }),
    ...shown.map(([x, y]) => symbolAt(index, x, y)),
  );
}

function swatchOf({ scatter }: LineChart['series'][number], index: number, withSymbol: boolean): string {
  return element(
    'g',
    { ...seriesInk(index), fill: 'currentColor' },
    scatter === undefined ? element('path', { d: `M0 0H${swatchWidth}`, ...stroke(index) }) : '',
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
