import { printableName } from '../base/printable.ts';
import { formatNumber, type LineChart } from './line-chart.ts';

export interface SvgSize {
  /** In pixels. Default 720 x 440. */
  readonly width?: number;
  readonly height?: number;
}

/** The chart as an image that stands by itself, drawn by ECharts, which is loaded when it is first needed. */
export async function lineChartSvg(chart: LineChart, { width = 720, height = 440 }: SvgSize = {}): Promise<string> {
  const [core, charts, components, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  const { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } = components;
  core.use([
    charts.LineChart,
    GridComponent,
    LegendComponent,
    MarkLineComponent,
    TitleComponent,
    renderers.SVGRenderer,
  ]);
  const drawing = core.init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption(optionsOf(chart));
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return svg;
}

/** In characters: what fits into the image. */
const longestTitle = 90;

/** Names are not markup, and have no control characters, which XML does not allow. */
function optionsOf({ title, x, y, series, marks = [] }: LineChart) {
  const axis = ({ label, scale = 'linear' }: LineChart['x']) => ({
    type: scale === 'log' ? ('log' as const) : ('value' as const),
    name: printableName(label),
    nameLocation: 'middle' as const,
    nameGap: 36,
    scale: true,
    axisLabel: { formatter: formatNumber },
  });
  const lines = marks.map(({ at, label }) => ({
    xAxis: at,
    label: { formatter: printableName(label), position: 'insideEndTop' as const },
  }));
  return {
    animation: false,
    backgroundColor: '#fff',
    title: { text: printableName(title, longestTitle), left: 'center', top: 8 },
    ...(series.length > 1 && { legend: { top: 44, itemGap: 36 } }),
    grid: { left: 72, right: 24, top: series.length > 1 ? 84 : 60, bottom: 56 },
    xAxis: axis(x),
    yAxis: axis(y),
    series: series.map(({ name, points }, i) => ({
      type: 'line' as const,
      name: printableName(name),
      showSymbol: false,
      data: points.map(([at, value]) => [at, value]),
      ...(i === 0 && lines.length > 0 && { markLine: { symbol: 'none', silent: true, precision: 15, data: lines } }),
    })),
  };
}
