import type { IntervalChart } from './interval-chart.ts';
import type { LineChart } from './line-chart.ts';
import type { ParallelChart } from './parallel-chart.ts';
import type { SurfaceChart } from './surface-chart.ts';

export interface SvgSize {
  /** The size in pixels. Default 720 x 440. */
  readonly width?: number;
  readonly height?: number;
}

/**
 * The chart as an SVG document that needs nothing else: the same text for the same chart, in any JavaScript engine. Its
 * colours follow the viewer's light or dark scheme. D3 is loaded when the first chart is drawn.
 */
export async function lineChartSvg(chart: LineChart, { width = 720, height = 440 }: SvgSize = {}): Promise<string> {
  const { drawLineChart } = await import('./draw/line-chart.ts');
  return drawLineChart(chart, width, height);
}

/** Several charts below each other in one SVG document, each of that size. */
export async function lineChartsSvg(
  charts: readonly LineChart[],
  { width = 720, height = 440 }: SvgSize = {},
): Promise<string> {
  const { drawLineCharts } = await import('./draw/line-chart.ts');
  return drawLineCharts(charts, width, height);
}

/** A surface as an SVG document, as `lineChartSvg` draws curves. Default 480 x 400. */
export async function surfaceChartSvg(
  chart: SurfaceChart,
  { width = 480, height = 400 }: SvgSize = {},
): Promise<string> {
  const { drawSurfaceChart } = await import('./draw/surface-chart.ts');
  return drawSurfaceChart(chart, width, height);
}

/** Parallel coordinates as an SVG document, as `lineChartSvg` draws curves. Default 960 x 420. */
export async function parallelChartSvg(
  chart: ParallelChart,
  { width = 960, height = 420 }: SvgSize = {},
): Promise<string> {
  const { drawParallelChart } = await import('./draw/parallel-chart.ts');
  return drawParallelChart(chart, width, height);
}

/** Means with intervals as an SVG document, which is as high as its rows need. Default 720 wide. */
export async function intervalChartSvg(
  chart: IntervalChart,
  { width = 720 }: Pick<SvgSize, 'width'> = {},
): Promise<string> {
  const { drawIntervalChart } = await import('./draw/interval-chart.ts');
  return drawIntervalChart(chart, width);
}
