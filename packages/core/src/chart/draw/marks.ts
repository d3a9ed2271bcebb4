import { printableName } from '../../base/printable.ts';
import type { LineChart } from '../line-chart.ts';
import type { DrawnAxis, Span } from './axis.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip } from './markup.ts';
import { fontSize, inkOf, lineHeight } from './theme.ts';

/** Pixels between a mark's line and its label, and between labels. */
const markGap = 6;

/** A mark's line, and its label if there is room for it. */
export interface PlacedMark {
  /** In pixels from the left. */
  readonly at: number;
  readonly label: string;
  /** From the top; undefined for a label that has no room. */
  readonly row: number | undefined;
  readonly anchor: 'start' | 'end';
}

/**
 * From left to right, each label in the highest of the `rows` where it touches none, on the left of its line where there is no
 * room on the right. The labels keep between `left` and `right`.
 */
export function placeMarks(
  marks: NonNullable<LineChart['marks']>,
  { place }: DrawnAxis,
  [left, right]: Span,
  rows: number,
): PlacedMark[] {
  const ends: number[] = Array.from({ length: rows }, () => Number.NEGATIVE_INFINITY);
  const sorted = marks.map(({ at, label }) => ({ at: place(at), label })).sort((a, b) => a.at - b.at);
  return sorted.map(({ at, label }) => {
    const text = fitted(printableName(label), Math.max(right - at, at - left) - markGap, fontSize.tick);
    const length = textWidth(text, fontSize.tick) + markGap;
    const anchor = at + length <= right || right - at > at - left ? 'start' : 'end';
    const [start, end] = anchor === 'start' ? [at, at + length] : [at - length, at];
    const row = ends.findIndex((before) => start >= before + markGap);
    if (row < 0) return { at, label: printableName(label), row: undefined, anchor };
    ends[row] = end;
    return { at, label: text, row, anchor };
  });
}

/** Lines from the labels' row down to `bottom`; the rows begin at `top`. In pixels. */
export function drawMarks(marks: readonly PlacedMark[], [top, bottom]: Span): string[] {
  return marks.map(({ at, label, row, anchor }) => {
    const y = top + ((row ?? 0) + 0.5) * lineHeight;
    return element(
      'g',
      inkOf('ink'),
      tooltip(label),
      element('path', {
        ...inkOf('quiet'),
        d: `M${decimal(at)} ${decimal(row === undefined ? top : y - 7)}V${decimal(bottom)}`,
        stroke: 'currentColor',
        'stroke-dasharray': '4 3',
      }),
      row === undefined
        ? ''
        : textElement(label, {
            x: at + (anchor === 'start' ? 5 : -5),
            y,
            dy: '0.35em',
            'font-size': fontSize.tick,
            'text-anchor': anchor,
            fill: 'currentColor',
          }),
    );
  });
}
