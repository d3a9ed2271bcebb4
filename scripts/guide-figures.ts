/*
 * Draws the two figures of docs/guide/maml-and-boil.md that are not charts: the two loops, and the part of the network that
 * each learner's inner loop moves. In the colours of the charts, light and dark.
 *   npm run build && node dist/scripts/guide-figures.js
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { element, textElement } from '@graft-ml/core/internal/chart/draw/markup';
import { documentOf, inkOf, seriesInk } from '@graft-ml/core/internal/chart/draw/theme';

type Point = readonly [x: number, y: number];

const ink = (...children: readonly string[]) => element('g', inkOf('ink'), ...children);
const quiet = (...children: readonly string[]) => element('g', inkOf('quiet'), ...children);
const line = (points: readonly Point[]) => points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');

function label(text: string, [x, y]: Point, size = 12.5, anchor: 'start' | 'middle' | 'end' = 'middle'): string {
  return textElement(text, { x, y, 'font-size': size, 'text-anchor': anchor, fill: 'currentColor' });
}

/** A line with an arrowhead at its end; `curve` is a path in place of straight pieces, which ends along the last two. */
function arrow(points: readonly Point[], curve?: string): string {
  const [[x0, y0], [x, y]] = points.slice(-2) as [Point, Point];
  const angle = Math.atan2(y - y0, x - x0);
  const side = (turn: number) => `${x - 9 * Math.cos(angle + turn)} ${y - 9 * Math.sin(angle + turn)}`;
  return [
    element('path', { d: curve ?? line(points), fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }),
    element('path', { d: `M${x} ${y}L${side(0.42)}L${side(-0.42)}Z`, fill: 'currentColor' }),
  ].join('');
}

function circle(text: string, [x, y]: Point, r: number): string {
  const shape = element('circle', { cx: x, cy: y, r, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 });
  return shape + label(text, [x, y + 5], 15);
}

/** Images of three classes, a colour each. */
function images([x, y]: Point, perClass: number): string {
  const squares = [0, 1, 2].flatMap((label) =>
    Array.from({ length: perClass }, (_, i) =>
      element(
        'g',
        seriesInk(label),
        element('rect', { x: x + 16 * label, y: y + 16 * i, width: 13, height: 13, rx: 2, fill: 'currentColor' }),
      ),
    ),
  );
  return squares.join('');
}

function twoLoops(): string {
  const [width, height] = [660, 412];
  const start: Point = [62, 190];
  const rows = [100, 190, 280];
  const frame = { fill: 'none', stroke: 'currentColor', 'stroke-width': 1, 'stroke-dasharray': '5 4' };
  const tasks = rows.map((y, i) =>
    [
      ink(
        arrow([[start[0] + 32, start[1] + (y - start[1]) * 0.14], [150, y]]),
        arrow([[236, y], [296, y]]),
        // The step that is repeated.
        arrow([[336, y - 30], [330, y - 21]], `M308 ${y - 20}C300 ${y - 46} 344 ${y - 46} 331 ${y - 22}`),
        circle(`θ${'₁₂₃'[i]}′`, [320, y], 22),
        arrow([[344, y], [404, y]]),
        arrow([[484, y], [538, 190 + (y - 190) * 0.2]]),
      ),
      images([172, y - 14], 2),
      images([424, y - 22], 3),
      quiet(label(`task ${i + 1}`, [192, y + 34], 11.5)),
    ].join(''),
  ); // biome-ignore format: points
  const [meanX, meanY] = [594, 190];
  return documentOf(width, height, 'The two loops of MAML', [
    quiet(element('rect', { x: 154, y: 30, width: 198, height: 294, rx: 8, ...frame })),
    ink(
      label('inner loop, once for each task', [253, 22]),
      circle('θ', start, 30),
      element('rect', {
        x: meanX - 52,
        y: meanY - 26,
        width: 104,
        height: 52,
        rx: 6,
        fill: 'none',
        stroke: 'currentColor',
        'stroke-width': 1.6,
      }),
      label('mean loss', [meanX, meanY - 4]),
      label('of the queries', [meanX, meanY + 13]),
      label('outer loop: θ ← θ − β · gradient of that loss with respect to θ', [330, 396]),
    ),
    quiet(
      label('the start', [start[0], start[1] + 48], 11.5),
      label('support set', [192, 50], 11.5),
      label('queries', [447, 50], 11.5),
      label('θ′ ← θ′ − α · gradient', [253, 341], 11.5),
      label('of the support’s loss', [253, 355], 11.5),
    ),
    ...tasks,
    ink(arrow([[meanX, meanY + 28], [meanX, 374], [start[0], 374], [start[0], 248]])), // biome-ignore format: points
  ]);
}

/** The learners with the parts of a conv-4 that their inner loop moves. */
const moved: readonly (readonly [learner: string, body: boolean, head: boolean])[] = [
  ['MAML, Meta-SGD, MAML++, Reptile', true, true],
  ['ANIL', false, true],
  ['BOIL', true, false],
  ['ProtoNet', false, false],
];

function innerParts(): string {
  const [left, top, cell, rowHeight] = [250, 40, 70, 40];
  const columns = ['layer1', 'layer2', 'layer3', 'layer4', 'head'];
  const height = top + moved.length * rowHeight + 28;
  const rows = moved.map(([learner, body, head], row) => {
    const y = top + row * rowHeight;
    const cells = columns.map((column, i) => {
      const isMoved = column === 'head' ? head : body;
      if (learner === 'ProtoNet' && column === 'head') return '';
      const box = { x: left + i * cell, y: y + 6, width: cell - 8, height: rowHeight - 12, rx: 4 };
      return isMoved
        ? element('g', seriesInk(column === 'head' ? 1 : 0), element('rect', { ...box, fill: 'currentColor' }))
        : quiet(element('rect', { ...box, fill: 'none', stroke: 'currentColor', 'stroke-dasharray': '3 3' }));
    });
    return ink(label(learner, [left - 16, y + rowHeight / 2 + 4], 12.5, 'end')) + cells.join('');
  });
  return documentOf(left + columns.length * cell + 12, height, 'The layers that each inner loop moves', [
    quiet(...columns.map((column, i) => label(column, [left + i * cell + (cell - 8) / 2, top - 8], 11.5))),
    ...rows,
    quiet(
      label(
        'filled: moved by the inner loop; dashed: learned by the outer loop alone',
        [left + 2.5 * cell - 4, height - 8],
        11.5,
      ),
    ),
  ]);
}

const folder = join(process.cwd(), 'docs', 'guide', 'images');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'two-loops.svg'), twoLoops());
writeFileSync(join(folder, 'inner-parts.svg'), innerParts());
