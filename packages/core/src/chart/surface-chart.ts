/** A function of two numbers on a grid, and a way across it: data, which `surfaceChartSvg` draws. */
export interface SurfaceChart {
  readonly title: string;
  /** Places of the columns, and of the rows from below, at equal distances. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** By row and column. */
  readonly values: readonly (readonly number[])[];
  /** The name of what the values are. */
  readonly value: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Points in the order in which they are passed; those with a label are named. */
  readonly path: readonly { readonly at: readonly [x: number, y: number]; readonly label?: string | undefined }[];
  /** A line of text below the chart. */
  readonly note?: string;
}
