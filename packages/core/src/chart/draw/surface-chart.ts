import { contours } from 'd3-contour';
import { printableName } from '../../base/printable.ts';
import { formatNumber } from '../line-chart.ts';
import type { SurfaceChart } from '../surface-chart.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip, wrapped } from './markup.ts';
import { documentOf, fontSize, inkOf, lineHeight, seriesInk } from './theme.ts';

/** Pixels between the edge and what is drawn. */
const margin = 16;
/** Shades of the surface. Each lies on those before it. */
const shades = 10;
const opacity = 0.1;
/** The share of the grid's highest values that are one shade: around a minimum the loss grows without bound. */
const cut = 0.9;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

type Place = (at: readonly [x: number, y: number]) => readonly [x: number, y: number];

/** The surface as an SVG document of that many pixels: the lower, the stronger its colour. */
export function drawSurfaceChart(chart: SurfaceChart, width: number, height: number): string {
  const title = wrapped(printableName(chart.title), width - 2 * margin, fontSize.title, 2, true);
  const note = chart.note ? wrapped(printableName(chart.note), width - 2 * margin, fontSize.tick, 2) : [];
  const top = margin + title.length * (lineHeight + 2) + 6;
  const bottom = height - margin - (2 + note.length) * lineHeight;
  const box = fittedBox(chart, {
    left: margin + lineHeight,
    top,
    width: width - 2 * margin - lineHeight,
    height: bottom - top,
  });
  const levels = levelsOf(chart.values);
  const place = placeIn(chart, box);
  return documentOf(width, height, printableName(chart.title), [
    element(
      'g',
      { ...inkOf('ink'), fill: 'currentColor', 'font-size': fontSize.title, 'font-weight': 600 },
      ...title.map((text, i) => textElement(text, { x: margin, y: margin + 13 + i * (lineHeight + 2) })),
    ),
    drawSurface(chart, levels, box),
    drawLabels(chart, box),
    drawPath(chart, box, place),
    drawShades(chart.value, levels, { left: box.left, top: box.top + box.height + lineHeight + 8, width: box.width }),
    ...note.map((text, i) =>
      textElement(text, {
        ...inkOf('quiet'),
        fill: 'currentColor',
        'font-size': fontSize.tick,
        x: margin,
        y: height - margin - (note.length - 1 - i) * lineHeight,
      }),
    ),
  ]);
}

/** The largest box in which both directions have one scale. */
function fittedBox({ x, y }: SurfaceChart, room: Box): Box {
  const shape = (x.length - 1) / (y.length - 1);
  const width = Math.min(room.width, room.height * shape);
  const height = Math.min(room.height, room.width / shape);
  return { left: room.left + (room.width - width) / 2, top: room.top, width, height };
}

function placeIn({ x, y }: SurfaceChart, { left, top, width, height }: Box): Place {
  const share = (value: number, on: readonly number[]) => (value - on[0]!) / (on.at(-1)! - on[0]!);
  return ([across, up]) => [left + share(across, x) * width, top + (1 - share(up, y)) * height];
}

/** Bounds of the shades, from the highest down: the lower, the closer, as the square root. */
function levelsOf(values: SurfaceChart['values']): number[] {
  const sorted = values
    .flat()
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const [low, high] = [sorted[0] ?? 0, sorted[Math.floor(cut * (sorted.length - 1))] ?? 1];
  return Array.from({ length: shades }, (_, i) => low + (high - low) * ((shades - i) / (shades + 0.5)) ** 2);
}

function drawSurface(
  { x, y, values }: SurfaceChart,
  levels: readonly number[],
  { left, top, width, height }: Box,
): string {
  // The grid of contours has its values in the middle of unit squares, and its first row on top.
  const upsideDown = values
    .toReversed()
    .flat()
    .map((value) => (Number.isFinite(value) ? -value : -1e30));
  const [across, down] = [width / (x.length - 1), height / (y.length - 1)];
  const clamp = (value: number, most: number) => Math.max(0, Math.min(most, value));
  const shapes = contours()
    .size([x.length, y.length])
    .thresholds(levels.map((level) => -level))(upsideDown);
  const point = ([column, row]: readonly number[]) =>
    `${decimal(left + clamp((column! - 0.5) * across, width))} ${decimal(top + clamp((row! - 0.5) * down, height))}`;
  const areas = shapes.map(({ coordinates }) => {
    const d = coordinates.map((rings) => rings.map((ring) => `M${ring.map(point).join('L')}Z`).join('')).join('');
    return element('path', {
      ...seriesInk(0),
      d,
      fill: 'currentColor',
      'fill-opacity': opacity,
      'fill-rule': 'evenodd',
      stroke: 'currentColor',
      'stroke-width': 0.6,
      'stroke-opacity': 0.35,
    });
  });
  const frame = element('rect', {
    ...inkOf('grid'),
    x: left,
    y: top,
    width,
    height,
    fill: 'none',
    stroke: 'currentColor',
  });
  return element('g', {}, ...areas, frame);
}

function drawLabels({ xLabel, yLabel }: SurfaceChart, { left, top, width, height }: Box): string {
  const middle = top + height / 2;
  return element(
    'g',
    { ...inkOf('quiet'), fill: 'currentColor', 'font-size': fontSize.label, 'text-anchor': 'middle' },
    textElement(fitted(xLabel, width, fontSize.label), { x: left + width / 2, y: top + height + lineHeight - 3 }),
    textElement(fitted(yLabel, height, fontSize.label), {
      x: left - 7,
      y: middle,
      transform: `rotate(-90 ${decimal(left - 7)} ${decimal(middle)})`,
    }),
  );
}

/** The way with its points, and the names of those that have one, where these have room. */
function drawPath({ path }: SurfaceChart, box: Box, place: Place): string {
  const places = path.map(({ at }) => place(at));
  const d = places.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${decimal(x)} ${decimal(y)}`).join('');
  const right = box.left + box.width;
  const marks = path.map(({ label }, i) => {
    const [x, y] = places[i]!;
    const isLeft = x + 9 + textWidth(label ?? '', fontSize.tick, true) > right;
    const name = {
      x: x + (isLeft ? -9 : 9),
      y: y - 8 < box.top + 8 ? y + 16 : y - 7,
      'text-anchor': isLeft ? 'end' : 'start',
      'font-size': fontSize.tick,
      'font-weight': 600,
    };
    return element(
      'g',
      {},
      label === undefined ? '' : tooltip(label),
      element('circle', { cx: x, cy: y, r: i === 0 || i === path.length - 1 ? 4.5 : 3 }),
      // A halo of the paper's colour, so that the name can be read on any shade.
      label === undefined
        ? ''
        : textElement(label, {
            ...name,
            ...inkOf('paper'),
            stroke: 'currentColor',
            'stroke-width': 3.5,
            'stroke-linejoin': 'round',
            fill: 'none',
          }),
      label === undefined ? '' : textElement(label, { ...name, ...inkOf('ink'), fill: 'currentColor' }),
    );
  });
  return element(
    'g',
    { ...seriesInk(1), fill: 'currentColor' },
    element('path', {
      ...inkOf('paper'),
      d,
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 5,
      'stroke-linejoin': 'round',
    }),
    element('path', { d, fill: 'none', stroke: 'currentColor', 'stroke-width': 2.2, 'stroke-linejoin': 'round' }),
    ...marks,
  );
}

/** What the shades are: a bar of them, with the value at every other bound. */
function drawShades(value: string, levels: readonly number[], { left, top, width }: Omit<Box, 'height'>): string {
  const label = `${value} `;
  const start = left + textWidth(label, fontSize.tick) + 4;
  const step = Math.min(26, (left + width - start) / (shades + 1));
  const cells = Array.from({ length: shades + 1 }, (_, i) =>
    element('rect', {
      ...seriesInk(0),
      x: start + i * step,
      y: top,
      width: step,
      height: 9,
      fill: 'currentColor',
      'fill-opacity': 1 - (1 - opacity) ** i,
    }),
  );
  const bounds = levels.map((level, i) => {
    const isShown = i % 3 === 0;
    return isShown
      ? textElement(formatNumber(level), { x: start + (i + 1) * step, y: top + 21, 'text-anchor': 'middle' })
      : '';
  });
  return element(
    'g',
    { 'font-size': fontSize.tick },
    ...cells,
    element('rect', {
      ...inkOf('grid'),
      x: start,
      y: top,
      width: step * (shades + 1),
      height: 9,
      fill: 'none',
      stroke: 'currentColor',
    }),
    element('g', { ...inkOf('quiet'), fill: 'currentColor' }, textElement(label, { x: left, y: top + 8 }), ...bounds),
  );
}
