import type { Axis } from './line-chart.ts';

/** Rows of points, each with its mean and interval: data, which `intervalChartSvg` draws. */
export interface IntervalChart {
  readonly title: string;
  readonly x: Axis;
  readonly rows: readonly IntervalRow[];
  /** A line of text below the chart. */
  readonly note?: string;
}

export interface IntervalRow {
  readonly name: string;
  /** Where a page finds the row: its `data-key`. */
  readonly key?: string;
  readonly points: readonly number[];
  readonly mean: number;
  /** Null where there is none, as of one point. */
  readonly interval: readonly [low: number, high: number] | null;
}
