export { palette, themeCss } from './draw/theme.ts';
export { type Axis, formatNumber, formatValue, type LineChart, type Series } from './line-chart.ts';
export type { SurfaceChart } from './surface-chart.ts';
export { lineChartSvg, lineChartsSvg, type SvgSize, surfaceChartSvg } from './svg.ts';
export { lineChartText, type TextSize } from './text.ts';
