import { decimal, element, fitted, textElement, textWidth, tooltip } from './markup.ts';
import { fontSize, inkOf, lineHeight } from './theme.ts';

export interface LegendItem {
  readonly name: string;
  /** Markup, around its origin, `swatchWidth` pixels wide. */
  readonly swatch: string;
}

export const swatchWidth = 24;
const swatchGap = 6;
const columnGap = 18;
/** Pixels of a name below which columns are not made narrower, unless the legend is. */
const narrowest = 90;

export interface Legend {
  readonly markup: string;
  /** The height in pixels. */
  readonly height: number;
}

/** The widths of the columns (with the gap behind them), and the number of rows. */
interface Grid {
  readonly columns: readonly number[];
  readonly rows: number;
}

/**
 * The names in one row where they fit, else in columns. Names are cut where the legend would be higher than
 * `maxHeight`, and what is still too much is counted in the last place ("+ 5 more"). Drawn from (0, 0) to the right and
 * down.
 */
export function layOutLegend(items: readonly LegendItem[], width: number, maxHeight: number): Legend {
  const maxRows = Math.max(1, Math.floor(maxHeight / lineHeight));
  const { columns, rows } = gridOf(items, width, maxRows);
  const places = columns.length * rows;
  const shown = items.length <= places ? items : items.slice(0, places - 1);
  const cells = shown.map(({ name, swatch }, i) => {
    const label = fitted(name, textRoom(columns[i % columns.length]!), fontSize.legend);
    const text = textElement(label, {
      x: swatchWidth + swatchGap,
      dy: '0.35em',
      fill: 'currentColor',
      ...inkOf('ink'),
    });
    return element('g', { transform: at(i) }, label === name ? '' : tooltip(name), swatch, text);
  });
  const more = items.length - shown.length;
  const rest = textElement(`+ ${more} more`, {
    dy: '0.35em',
    transform: at(places - 1),
    fill: 'currentColor',
    ...inkOf('quiet'),
  });
  return {
    markup: element('g', { 'font-size': fontSize.legend }, ...cells, more > 0 ? rest : ''),
    height: rows * lineHeight,
  };

  function at(place: number): string {
    const column = place % columns.length;
    const left = columns.slice(0, column).reduce((a, b) => a + b, 0);
    return `translate(${decimal(left)} ${(Math.floor(place / columns.length) + 0.5) * lineHeight})`;
  }
}

const textRoom = (column: number) => column - swatchWidth - swatchGap - columnGap;

function gridOf(items: readonly LegendItem[], width: number, maxRows: number): Grid {
  const room = width + columnGap;
  const natural = items.map(({ name }) => textWidth(name, fontSize.legend) + swatchWidth + swatchGap + columnGap);
  if (natural.reduce((a, b) => a + b, 0) <= room) return { columns: natural, rows: 1 };
  const widest = Math.min(room, Math.max(...natural));
  const most = Math.max(1, Math.floor(room / (narrowest + swatchWidth + swatchGap + columnGap)));
  const needed = Math.ceil(items.length / maxRows);
  const count = Math.min(items.length, most, Math.max(Math.floor(room / widest), needed));
  return {
    columns: Array.from({ length: count }, () => Math.min(widest, room / count)),
    rows: Math.min(maxRows, Math.ceil(items.length / count)),
  };
}
