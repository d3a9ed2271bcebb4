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

function label(text: string, [x, y]: Point, size = 12.5, anchor: 'start' | 'middle' | 'end' = 'middle'): string {
  return textElement(text, { x, y, 'font-size': size, 'text-anchor': anchor, fill: 'currentColor' });
}

/** A line with an arrowhead at its end; `curve` is a path in its place, which ends in the line's direction. */
function arrow([x0, y0]: Point, [x, y]: Point, curve = `M${x0} ${y0}L${x} ${y}`): string {
  const angle = Math.atan2(y - y0, x - x0);
  const side = (turn: number) => `${x - 9 * Math.cos(angle + turn)} ${y - 9 * Math.sin(angle + turn)}`;
  return [
    element('path', { d: curve, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }),
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
  const middle = 182;
  const start: Point = [42, middle];
  const mean: Point = [460, middle];
  const outlined = { fill: 'none', stroke: 'currentColor' };
  const tasks = [96, middle, 268].map((y, i) => {
    const off = y - middle;
    return [
      ink(
        arrow([start[0] + 30, middle + 0.14 * off], [104, y]),
        arrow([178, y], [217, y]),
        // The step that is repeated.
        arrow([258, y - 30], [252, y - 21], `M230 ${y - 20}C222 ${y - 46} 266 ${y - 46} 253 ${y - 22}`),
        circle(`θ${'₁₂₃'[i]}′`, [242, y], 22),
        arrow([266, y], [303, y]),
        arrow([362, y], [mean[0] - 55, middle + 0.2 * off]),
      ),
      images([122, y - 14], 2),
      images([310, y - 22], 3),
      quiet(label(`task ${i + 1}`, [145, y + 34], 11.5)),
    ].join('');
  });
  return documentOf(524, 398, 'The two loops of MAML', [
    quiet(element('rect', { x: 108, y: 30, width: 178, height: 282, rx: 8, ...outlined, 'stroke-dasharray': '5 4' })),
    ink(
      label('inner loop, once for each task', [197, 21]),
      circle('θ', start, 28),
      element('rect', {
        x: mean[0] - 52,
        y: middle - 26,
        width: 104,
        height: 52,
        rx: 6,
        ...outlined,
        'stroke-width': 1.6,
      }),
      label('mean loss', [mean[0], middle - 4]),
      label('of the queries', [mean[0], middle + 13]),
      label('outer loop: θ ← θ − β · gradient of that loss with respect to θ', [262, 384]),
    ),
    quiet(
      label('the start', [start[0], middle + 46], 11.5),
      label('support set', [148, 48], 11.5),
      label('queries', [333, 48], 11.5),
      label('θ′ ← θ′ − α · gradient', [197, 329], 11.5),
      label('of the support’s loss', [197, 343], 11.5),
    ),
    ...tasks,
    ink(
      element('path', { d: `M${mean[0]} ${middle + 28}V362H${start[0]}V240`, ...outlined, 'stroke-width': 1.6 }),
      arrow([start[0], 250], [start[0], middle + 54]),
    ),
  ]);
}

/** The learners with the parts of a conv-4 that their inner loop moves. */
const moved: readonly (readonly [learner: readonly string[], body: boolean, head: boolean | null])[] = [
  [['MAML, Meta-SGD,', 'MAML++, Reptile'], true, true],
  [['ANIL'], false, true],
  [['BOIL'], true, false],
  [['ProtoNet'], false, null],
];

function innerParts(): string {
  const [left, top, cell, rowHeight] = [136, 34, 66, 40];
  const columns = ['layer1', 'layer2', 'layer3', 'layer4', 'head'];
  const height = top + moved.length * rowHeight + 28;
  const rows = moved.map(([lines, body, head], row) => {
    const y = top + row * rowHeight;
    const cells = columns.map((column, i) => {
      const isMoved = column === 'head' ? head : body;
      if (isMoved === null) return ''; // it has no head
      const box = { x: left + i * cell, y: y + 6, width: cell - 8, height: rowHeight - 12, rx: 4 };
      return isMoved
        ? element('g', seriesInk(column === 'head' ? 1 : 0), element('rect', { ...box, fill: 'currentColor' }))
        : quiet(element('rect', { ...box, fill: 'none', stroke: 'currentColor', 'stroke-dasharray': '3 3' }));
    });
    const first = y + rowHeight / 2 + 4.5 - 7.5 * (lines.length - 1);
    const name = lines.map((text, i) => label(text, [left - 14, first + 15 * i], 12.5, 'end'));
    return ink(...name) + cells.join('');
  });
  return documentOf(left + columns.length * cell + 12, height, 'The layers that each inner loop moves', [
    quiet(...columns.map((column, i) => label(column, [left + i * cell + (cell - 8) / 2, top - 8], 11.5))),
    ...rows,
    quiet(
      label(
        'filled: moved by the inner loop; dashed: learned by the outer loop alone',
        [(left + columns.length * cell) / 2, height - 8],
        11.5,
      ),
    ),
  ]);
}

const folder = join(process.cwd(), 'docs', 'guide', 'images');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'two-loops.svg'), twoLoops());
writeFileSync(join(folder, 'inner-parts.svg'), innerParts());
