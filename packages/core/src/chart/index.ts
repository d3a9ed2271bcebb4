export { palette, themeCss } from './draw/theme.ts';
export type { IntervalChart, IntervalRow } from './interval-chart.ts';
export { type Axis, formatNumber, formatValue, type LineChart, type PointLabel, type Series } from './line-chart.ts';
export type { ParallelAxis, ParallelChart, ParallelLine } from './parallel-chart.ts';
export type { SurfaceChart } from './surface-chart.ts';
export {
  intervalChartSvg,
  lineChartSvg,
  lineChartsSvg,
  parallelChartSvg,
  type SvgSize,
  surfaceChartSvg,
} from './svg.ts';
export { lineChartText, type TextSize } from './text.ts';
