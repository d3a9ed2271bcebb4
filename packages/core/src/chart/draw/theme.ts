import { element } from './markup.ts';

export const fontSize = { title: 15, label: 12, legend: 11.5, tick: 11 } as const;
/** Pixels from one line of labels to the next. */
export const lineHeight = 18;

/** A colour on white, and on the dark background. */
type Color = readonly [light: string, dark: string];

/** Colours of everything but the data: their names are classes of the document's elements, too. */
const inks = {
  paper: ['#ffffff', '#15181c'],
  ink: ['#1f2328', '#e6e8eb'],
  quiet: ['#57606a', '#a3abb5'],
  grid: ['#e4e7eb', '#2b3138'],
} as const satisfies Record<string, Color>;

/**
 * Found by a search over OKLCH for the largest least distance in OKLab, seen in full and with each of the three colour
 * vision deficiencies (Machado et al. 2009), at a contrast of 3 to the background on white and 4.5 on dark.
 */
export const palette: readonly Color[] = [
  ['#196cb4', '#76a9fe'],
  ['#e0791b', '#fb9748'],
  ['#094507', '#bafdb1'],
  ['#8a3364', '#b967a7'],
  ['#359acc', '#77e5fc'],
  ['#b94f35', '#e65334'],
  ['#3e0072', '#8867fc'],
  ['#12191e', '#aeaeae'],
];

/** The dashes of the first series in each colour, of the second, …: more series than colours are told apart by them. */
const dashes = [undefined, '7 4', '2 3', '9 3 2 3'] as const;

/** Attributes of a group whose `currentColor` is the ink. */
export function inkOf(name: keyof typeof inks): { readonly class: string; readonly color: string } {
  return { class: name, color: inks[name][0] };
}

/** Attributes of a group whose `currentColor` is the series'. */
export function seriesInk(index: number): { readonly class: string; readonly color: string } {
  const color = index % palette.length;
  return { class: `s${color}`, color: palette[color]![0] };
}

/** `stroke-dasharray` of a series; none for the first ones. */
export function seriesDash(index: number): string | undefined {
  return dashes[Math.floor(index / palette.length) % dashes.length];
}

const colors: readonly (readonly [name: string, color: Color])[] = [
  ...Object.entries(inks),
  ...palette.map((color, i) => [`s${i}`, color] as const),
];

/** Where the dark colours are for: paper is white. */
const dark = 'screen and (prefers-color-scheme:dark)';

/**
 * The colours of the theme as custom properties of a page, for charts that it draws itself: `--chart-paper`,
 * `--chart-ink`, `--chart-quiet`, `--chart-grid`, and `--chart-s0` to `--chart-s7` for series, in light and, where the
 * viewer prefers that, dark.
 */
export function themeCss(selector = ':root'): string {
  const of = (scheme: 0 | 1) => colors.map(([name, color]) => `--chart-${name}:${color[scheme]}`).join(';');
  return `${selector}{${of(0)}}@media ${dark}{${selector}{${of(1)}}}`;
}

/** A document on its background. Viewers that know no media queries show the light colours, which are attributes. */
export function documentOf(width: number, height: number, label: string, children: readonly string[]): string {
  const colours = colors.map(([name, [, color]]) => `.graft-chart .${name}{color:${color}}`).join('');
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      class: 'graft-chart',
      role: 'img',
      'aria-label': label,
      'font-family': "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
      'font-size': fontSize.label,
    },
    `<style>@media ${dark}{${colours}}</style>`,
    element('rect', { ...inkOf('paper'), width: '100%', height: '100%', fill: 'currentColor' }),
    ...children,
  );
}
