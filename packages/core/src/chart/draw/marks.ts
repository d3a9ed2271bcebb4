import { printableName } from '../../base/printable.ts';
import type { LineChart } from '../line-chart.ts';
import type { DrawnAxis, Span } from './axis.ts';
import { decimal, element, fitted, textElement, textWidth, tooltip } from './markup.ts';
import { fontSize, inkOf, lineHeight } from './theme.ts';

/** Pixels between a mark's line and its label, and between labels. */
const markGap = 6;

/** A mark's line, and its label if there is room for it. */
export interface PlacedMark {
  /** The position in pixels from the left. */
  readonly at: number;
  readonly label: string;
  /** The row from the top; undefined for a label that has no room. */
  readonly row: number | undefined;
  readonly anchor: 'start' | 'end';
}

/** A label with its line and the distance it keeps, in pixels. */
interface Extent {
  readonly at: number;
  readonly text: string;
  readonly anchor: PlacedMark['anchor'];
  readonly start: number;
  readonly end: number;
}

type Row = Extent & { readonly row: number };

/**
 * Each label in the highest of the `rows` where it touches no other label and no line goes through it. It stands on the
 * right of its line or, where that has no room, on the left. The labels keep between `left` and `right`.
 */
export function placeMarks(
  marks: NonNullable<LineChart['marks']>,
  { place }: DrawnAxis,
  bounds: Span,
  rows: number,
): PlacedMark[] {
  const labels = marks
    .map(({ at, label }) => ({ at: place(at), label: printableName(label) }))
    .sort((a, b) => a.at - b.at)
    .map((mark) => ({ ...mark, sides: sidesOf(mark, bounds) }));
  // A line goes down through the lower rows. So of labels that reach over one another's lines, the highest is the first
  // of those that stand on the right, and the last of those on the left; these have less choice.
  const onlyLeft = labels.filter(({ sides }) => sides[0]!.anchor === 'end').reverse();
  const placed = new Map<object, Row>();
  for (const label of [...onlyLeft, ...labels.filter((one) => !onlyLeft.includes(one))]) {
    const free = label.sides.flatMap((side) => {
      const row = Array.from({ length: rows }, (_, i) => i).find((i) =>
        [...placed.values()].every((other) => goTogether(side, i, other)),
      );
      return row === undefined ? [] : [{ ...side, row }];
    });
    if (free.length > 0)
      placed.set(
        label,
        free.reduce((a, b) => (b.row < a.row ? b : a)),
      );
  }
  return labels.map((mark) => {
    const { text, row, anchor } = placed.get(mark) ?? { text: mark.label, row: undefined, anchor: 'start' as const };
    return { at: mark.at, label: text, row, anchor };
  });
}

/** The right and the left of the line, as far as the label fits there; cut on the wider side where it fits on none. */
function sidesOf({ at, label }: { at: number; label: string }, [left, right]: Span): Extent[] {
  const text = fitted(label, Math.max(right - at, at - left) - markGap, fontSize.tick);
  const length = textWidth(text, fontSize.tick) + markGap;
  const onRight: Extent = { at, text, anchor: 'start', start: at, end: at + length + markGap };
  const onLeft: Extent = { at, text, anchor: 'end', start: at - length - markGap, end: at };
  const fits = [...(at + length <= right ? [onRight] : []), ...(at - length >= left ? [onLeft] : [])];
  // Rounding may keep a text that has just been fitted from its side.
  return fits.length > 0 ? fits : [right - at > at - left ? onRight : onLeft];
}

function goTogether(label: Extent, row: number, other: Row): boolean {
  if (label.at >= other.start && label.at <= other.end && row <= other.row) return false;
  if (other.at >= label.start && other.at <= label.end && row >= other.row) return false;
  return row !== other.row || label.start >= other.end || label.end <= other.start;
}

/** Lines from their label's row down to `bottom`, or from the end of the rows, which begin at `top`. In pixels. */
export function drawMarks(marks: readonly PlacedMark[], [top, bottom]: Span): string[] {
  const rows = rowCount(marks);
  return marks.map(({ at, label, row, anchor }) => {
    const y = top + ((row ?? 0) + 0.5) * lineHeight;
    return element(
      'g',
      inkOf('ink'),
      tooltip(label),
      element('path', {
        ...inkOf('quiet'),
        d: `M${decimal(at)} ${decimal(row === undefined ? top + rows * lineHeight : y - 7)}V${decimal(bottom)}`,
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

/** Rows that the labels take. */
export function rowCount(marks: readonly PlacedMark[]): number {
  return marks.reduce((most, { row = -1 }) => Math.max(most, row + 1), 0);
}
