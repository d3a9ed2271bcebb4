import { decimal, element, fitted, textElement, textWidth, tooltip } from './markup.ts';
import { fontSize, inkOf } from './theme.ts';

/** A name to be put at the end of its curve. */
export interface EndLabel {
  readonly name: string;
  /** The height of the curve's end, in pixels from the top. */
  readonly y: number;
}

/** Pixels from one name to the next, and from the plot to the names, where a line leads from the one to the other. */
const spacing = 15;
const leader = 20;
/** The largest share of the width that the names take. */
const share = 0.35;

/** The pixels to the right of a plot that the names of its curves take; null where they are too long, or too many. */
export function endLabelsWidth(names: readonly string[], width: number, height: number): number | null {
  const widest = Math.max(...names.map((name) => textWidth(name, fontSize.legend)));
  const needed = leader + widest;
  return needed <= width * share && names.length * spacing <= height ? needed : null;
}

/**
 * The heights at which the names stand: as near as possible to their curves' ends, in the order of these, without
 * touching one another or leaving [top, bottom].
 */
export function spread(ends: readonly number[], top: number, bottom: number): number[] {
  const order = ends.map((_, i) => i).sort((a, b) => ends[a]! - ends[b]!);
  const places = new Array<number>(ends.length).fill(0);
  // Names that would touch form a block around the mean of their ends, and blocks that would touch a larger one.
  const blocks: { members: number[]; centre: number }[] = [];
  const halfOf = ({ members }: { members: number[] }) => (members.length * spacing) / 2;
  const centred = (members: number[]) => {
    const mean = members.reduce((sum, i) => sum + ends[i]!, 0) / members.length;
    const half = halfOf({ members });
    return { members, centre: Math.max(top + half, Math.min(bottom - half, mean)) };
  };
  for (const i of order) {
    let block = centred([i]);
    for (let last = blocks.at(-1); last && last.centre + halfOf(last) > block.centre - halfOf(block); ) {
      blocks.pop();
      block = centred([...last.members, ...block.members]);
      last = blocks.at(-1);
    }
    blocks.push(block);
  }
  for (const block of blocks) {
    const first = block.centre - halfOf(block) + spacing / 2;
    block.members.forEach((i, place) => {
      places[i] = first + place * spacing;
    });
  }
  return places;
}

/**
 * The names to the right of the plot, each with a line to the end of its curve.
 *
 * @param strokes attributes of each curve's line
 */
export function drawEndLabels(
  labels: readonly EndLabel[],
  {
    right,
    top,
    bottom,
    width,
  }: { readonly right: number; readonly top: number; readonly bottom: number; readonly width: number },
  strokes: readonly Readonly<Record<string, string | number | undefined>>[],
): string[] {
  const places = spread(
    labels.map(({ y }) => y),
    top - spacing / 2,
    bottom + spacing / 2,
  );
  return labels.map(({ name, y }, i) => {
    const label = fitted(name, width - leader, fontSize.legend);
    const start = right + 6;
    const end = right + leader - 4;
    const d = `M${decimal(start)} ${decimal(y)}L${decimal(end)} ${decimal(places[i]!)}`;
    return element(
      'g',
      {},
      label === name ? '' : tooltip(name),
      element('path', { ...strokes[i], d, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 }),
      textElement(label, {
        ...inkOf('ink'),
        x: right + leader,
        y: places[i]!,
        dy: '0.35em',
        'font-size': fontSize.legend,
        fill: 'currentColor',
      }),
    );
  });
}
