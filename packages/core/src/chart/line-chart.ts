/** A curve, or several in one image: data, which `lineChartSvg` and `lineChartText` draw. */
export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** A line of text below the chart: what bands are, of how many runs a curve is the mean. */
  readonly note?: string;
  /** Vertical lines. */
  readonly marks?: readonly { readonly at: number; readonly label: string }[];
}

export interface Axis {
  readonly label: string;
  /** `percent`: the values are shares, 0.8, and are written as 80 %. Default `number`. */
  readonly format?: 'number' | 'percent';
  /** Default linear. */
  readonly scale?: 'linear' | 'log';
}

export interface Series {
  readonly name: string;
  /** Points by ascending x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** An interval around the curve, by ascending x: of confidence, or over seeds. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[];
  /** Of a scatter plot: symbols without a line, in any order. A name for each, which the pointer shows. */
  readonly scatter?: readonly PointLabel[];
  /** One of many that are there for comparison: thin, without colour and without a name in the legend. */
  readonly isContext?: boolean;
  /** Where a page finds the curve: its `data-key`. */
  readonly key?: string;
}

/** The name of a point in a scatter plot, and where a page finds it: its `data-key`. */
export interface PointLabel {
  readonly name: string;
  readonly key?: string;
}

/** A number of a label: 0.00031 as 3.1e-4, 0.25 as 0.25. */
export function formatNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 0.01 || magnitude >= 1e5)) {
    return Number(value.toPrecision(2)).toExponential().replace('e+', 'e');
  }
  return String(magnitude >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** A value of an axis, in its format. */
export function formatValue(value: number, { format }: Axis): string {
  return format === 'percent' ? `${formatNumber(100 * value)} %` : formatNumber(value);
}
