import './charts.css';
import type { LossSurface } from '@graft-ml/core/meta';
import { formatNumber } from './format.ts';
import { Table } from './table.tsx';

/** A curve: `look` is its colour, dash and mark. */
export interface Curve {
  readonly name: string;
  readonly look: number;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** An interval at each x. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[] | undefined;
}

interface LineChartProps {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  /** The least and the largest y; what is left out is found. */
  readonly yRange?: readonly [low: number, high: number];
  /** The x that is looked at. */
  readonly at?: number;
  /** Writes a y. */
  readonly format?: (y: number) => string;
  readonly formatX?: (x: number) => string;
}

const [width, height] = [360, 220];
const margin = { left: 46, right: 14, top: 10, bottom: 38 };
const dashes = [undefined, '7 4', '2 3', '9 3 2 3'] as const;

/** Curves over a common x, with their numbers as a table for whoever does not see them. */
export function LineChart(props: LineChartProps) {
  const { title, xLabel, yLabel, curves, at, format = formatNumber, formatX = formatNumber } = props;
  const points = curves.flatMap((curve) => [
    ...curve.points,
    ...(curve.band ?? []).flatMap(([x, low, high]) => [[x, low] as const, [x, high] as const]),
  ]);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const [left, right] = spread(xs);
  const [low, high] = props.yRange ?? spread([0, ...points.map(([, y]) => y)]);
  const x = (value: number) => margin.left + ((value - left) / (right - left)) * (width - margin.left - margin.right);
  const y = (value: number) =>
    height - margin.bottom - ((value - low) / (high - low)) * (height - margin.top - margin.bottom);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title}: the numbers are in the table below.`}>
        {ticks(low, high).map((tick) => (
          <g key={tick} class="tick">
            <line x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} />
            <text x={margin.left - 6} y={y(tick) + 4} text-anchor="end">
              {format(tick)}
            </text>
          </g>
        ))}
        {thinned(xs).map((tick) => (
          <text key={tick} class="tick" x={x(tick)} y={height - margin.bottom + 16} text-anchor="middle">
            {formatX(tick)}
          </text>
        ))}
        <text class="label" x={(margin.left + width - margin.right) / 2} y={height - 5} text-anchor="middle">
          {xLabel}
        </text>
        {at !== undefined && <line class="now" x1={x(at)} x2={x(at)} y1={margin.top} y2={height - margin.bottom} />}
        {curves.map((curve) => (
          <g key={curve.name} class={`look-${curve.look}`}>
            {curve.band && <path class="band" d={bandPath(curve.band, x, y)} />}
            <path class="curve" stroke-dasharray={dashes[curve.look % dashes.length]} d={path(curve.points, x, y)} />
            {curve.points.map(([px, py]) => (
              <Mark key={px} look={curve.look} x={x(px)} y={y(py)} isNow={px === at} />
            ))}
          </g>
        ))}
      </svg>
      <Legend curves={curves} />
      <details>
        <summary>
          Numbers<span class="unseen"> of {title}</span>
        </summary>
        <Table
          caption={`${title}, ${yLabel}`}
          head={[xLabel, ...curves.map(({ name }) => name)]}
          rows={xs.map((value) => [
            formatX(value),
            ...curves.map(({ points: own }) => {
              const found = own.find(([px]) => px === value);
              return found ? format(found[1]) : '–';
            }),
          ])}
        />
      </details>
    </figure>
  );
}

function Legend({ curves }: { readonly curves: readonly Curve[] }) {
  return (
    <ul class="legend" aria-hidden="true">
      {curves.map(({ name, look }) => (
        <li key={name} class={`look-${look}`}>
          <svg viewBox="0 0 34 12" aria-hidden="true" focusable="false">
            <path class="curve" stroke-dasharray={dashes[look % dashes.length]} d="M1 6H33" />
            <Mark look={look} x={17} y={6} isNow={false} />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** A point: a disc, a square, a triangle or a diamond, so that colour is not all that tells curves apart. */
function Mark({ look, x, y, isNow }: { look: number; x: number; y: number; isNow: boolean }) {
  const r = isNow ? 5 : 3;
  const shapes = [
    `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    `M${x} ${y - 1.2 * r}l${1.2 * r} ${2 * r}h${-2.4 * r}z`,
    `M${x} ${y - 1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
  ];
  return <path class="mark" d={shapes[look % shapes.length]} />;
}

type Scale = (value: number) => number;

function path(points: Curve['points'], x: Scale, y: Scale): string {
  return points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('');
}

function bandPath(band: NonNullable<Curve['band']>, x: Scale, y: Scale): string {
  const upper = band.map(([px, , high]) => [px, high] as const);
  const lower = band.map(([px, low]) => [px, low] as const).reverse();
  return `${path([...upper, ...lower], x, y)}Z`;
}

/** The least and the largest value; apart, where all are the same. */
function spread(values: readonly number[]): [low: number, high: number] {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return high > low ? [low, high] : [low, low + 1];
}

/** Round numbers at equal distances. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/** At most seven of them. */
function thinned(values: readonly number[]): number[] {
  const every = Math.ceil(values.length / 7);
  return values.filter((_, i) => i % every === 0);
}

/** A loss around the way of an inner loop: the stronger the colour, the lower the loss. */
export function SurfaceChart({
  title,
  surface,
  of,
  at,
}: {
  readonly title: string;
  readonly surface: LossSurface;
  readonly of: 'support' | 'query';
  readonly at: number;
}) {
  const { x: columns, y: rows, path: way } = surface;
  const values = surface[of];
  // Losses far from the way are many times those on it; their logarithm shows both.
  const tone = (loss: number) => Math.log(loss + 1e-3);
  const [low, high] = spread(values.flat().map(tone));
  const [stepX, stepY] = [columns[1]! - columns[0]!, rows[1]! - rows[0]!];
  const scale = 16 / stepX;
  const [w, h] = [stepX * scale, stepY * scale];
  const px = (value: number) => (value - columns[0]!) * scale + w / 2;
  const py = (value: number) => (rows.at(-1)! - value) * scale + h / 2;
  const losses = way.map((point, step) => `${step}: ${formatNumber(point[of])}`).join(', ');
  return (
    <figure class="chart surface">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${w * columns.length} ${h * rows.length}`}
        role="img"
        aria-label={`${title}. On the way, by inner step: ${losses}.`}
      >
        {values.map((row, r) =>
          row.map((loss, c) => (
            <rect
              key={c}
              x={px(columns[c]!) - w / 2}
              y={py(rows[r]!) - h / 2}
              width={w + 0.5}
              height={h + 0.5}
              style={{ '--tone': `${(6 + 90 * ((high - tone(loss)) / (high - low)) ** 1.5).toFixed(1)}%` }}
            />
          )),
        )}
        <path
          class="halo"
          d={path(
            way.map((point) => point.at),
            px,
            py,
          )}
        />
        <path
          class="way"
          d={path(
            way.map((point) => point.at),
            px,
            py,
          )}
        />
        {way.map((point, step) => (
          <circle
            key={step}
            class={step === at ? 'now' : ''}
            cx={px(point.at[0])}
            cy={py(point.at[1])}
            r={step === at ? 7 : 4}
          />
        ))}
      </svg>
    </figure>
  );
}
