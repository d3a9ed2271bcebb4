import type { Axis } from './line-chart.ts';

/** Parallel coordinates: an axis for each option and result, and a line for each run: data, which `parallelChartSvg` draws. */
export interface ParallelChart {
  readonly title: string;
  readonly axes: readonly ParallelAxis[];
  readonly lines: readonly ParallelLine[];
}

/** Numbers along an axis, or categories in their order from below. */
export type ParallelAxis =
  | (Axis & { readonly categories?: undefined })
  | {
      readonly label: string;
      readonly categories: readonly string[];
    };

export interface ParallelLine {
  readonly name: string;
  /** Where a page finds the line: its `data-key`. */
  readonly key?: string;
  /** A number or category for each axis; null where it has none, which interrupts the line. */
  readonly values: readonly (number | string | null)[];
  /** From 0 to 1: how strongly it is drawn. Default 1. */
  readonly emphasis?: number;
}
