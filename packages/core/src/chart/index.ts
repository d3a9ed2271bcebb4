export { type Axis, formatNumber, type LineChart, type Series } from './line-chart.ts';
export { lineChartSvg, type SvgSize } from './svg.ts';
export { lineChartText, type TextSize } from './text.ts';
