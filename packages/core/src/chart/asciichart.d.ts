declare module 'asciichart' {
  interface PlotOptions {
    /** Rows between the lowest and the highest value. */
    readonly height?: number;
    /** Columns in front of the curve. */
    readonly offset?: number;
    /** The text before the axis in a row. */
    readonly format?: (value: number) => string;
  }
  export function plot(series: readonly number[] | readonly (readonly number[])[], options?: PlotOptions): string;
}
