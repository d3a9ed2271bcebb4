import { scaleLinear, scaleLog } from 'd3-scale';
import { type Axis, formatValue } from '../line-chart.ts';

/** A length along an axis that is drawn, in pixels; a vertical one's start lies below its end. */
export type Span = readonly [start: number, end: number];

export interface Tick {
  /** The position in pixels. */
  readonly at: number;
  readonly label: string;
}

export interface DrawnAxis {
  /** Pixels of a value; NaN for one that has no place on the axis. */
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
  /** Without labels: the steps within the decades of a logarithmic axis. In pixels. */
  readonly minor: readonly number[];
}

export interface AxisOptions {
  readonly scale: NonNullable<Axis['scale']>;
  readonly span: Span;
  /** Default `number`. */
  readonly format?: Axis['format'];
  /** Pixels from tick to tick that are aimed at. */
  readonly spacing: number;
  /** Whether the axis may be longer than its values, up to round numbers. */
  readonly round: boolean;
  /** Whether the labels can stand beside one another. */
  readonly fits: (ticks: readonly Tick[]) => boolean;
}

/** Beyond it, differences overflow, and ratios of what is below its inverse. */
const largest = 1e280;

/** True for a value that has a place on an axis. */
export function isDrawable(value: number, scale: AxisOptions['scale']): boolean {
  return Math.abs(value) <= largest && (scale === 'linear' || value >= 1 / largest);
}

/** An axis through all values that can be drawn, with as many ticks as fit. */
export function layOutAxis(values: readonly number[], options: AxisOptions): DrawnAxis {
  const drawable = values.filter((value) => isDrawable(value, options.scale));
  const low = drawable.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = drawable.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const domain = low <= high ? ([low, high] as const) : ([1, 10] as const);
  const axis = options.scale === 'log' ? logAxis(domain, options) : linearAxis(domain, drawable, options);
  return low <= high ? axis : { ...axis, ticks: [], minor: [] };
}

/** The same axis with the same ticks, along another length. */
export function stretched(axis: DrawnAxis, from: Span, to: Span): DrawnAxis {
  const factor = (to[1] - to[0]) / (from[1] - from[0]);
  const moved = (at: number) => to[0] + (at - from[0]) * factor;
  return {
    place: (value) => moved(axis.place(value)),
    ticks: axis.ticks.map(({ at, label }) => ({ at: moved(at), label })),
    minor: axis.minor.map(moved),
  };
}

function linearAxis(
  extent: Span,
  values: readonly number[],
  { span, spacing, round, fits, format }: AxisOptions,
): DrawnAxis {
  // Whole numbers, such as epochs, get no ticks between them.
  const whole = values.every(Number.isInteger);
  const [low, high] = widened(extent, whole ? 1 : 0);
  const most = Math.max(2, Math.floor(Math.abs(span[1] - span[0]) / spacing));
  for (let count = most; ; count--) {
    const scale = scaleLinear([low, high], span);
    // With few ticks, a round end would be far beyond the values.
    if (round) scale.nice(Math.max(count, 5));
    const at = scale.ticks(count).filter((value) => !whole || Number.isInteger(value));
    const labels = labelsOf(at, format);
    const ticks = at.map((value, i) => ({ at: scale(value), label: labels[i]! }));
    const place = (value: number) => (isDrawable(value, 'linear') ? scale(value) : Number.NaN);
    if (fits(ticks)) return { place, ticks, minor: [] };
    if (count === 1) return { place, ticks: ticks.filter((tick) => fits([tick])).slice(0, 1), minor: [] };
  }
}

/** Widens an extent of one number, or nearly one: there are no ticks between neighbouring floating-point numbers. */
function widened([low, high]: Span, least: number): Span {
  const magnitude = Math.max(Math.abs(low), Math.abs(high));
  if (high - low > 1e-12 * magnitude && high - low > 1 / largest) return [low, high];
  const middle = low / 2 + high / 2;
  const margin = magnitude > 1 / largest ? Math.max(0.1 * magnitude, least) : 1;
  return [middle - margin, middle + margin];
}

function logAxis([low, high]: Span, { span, spacing, round, fits, format }: AxisOptions): DrawnAxis {
  const ratio = Math.log10(high) - Math.log10(low);
  const margin = 10 ** (ratio < 1e-4 ? 0.5 : round ? 0.04 * ratio : 0);
  const domain: Span = [low / margin, high * margin];
  const scale = scaleLog(domain, span);
  const length = Math.abs(span[1] - span[0]);
  const ticksAt = (values: readonly number[], labels: readonly string[]) =>
    values.map((value, i) => ({ at: scale(value), label: labels[i]! }));
  const ofDecades = [powerSteps(domain, [1, 2, 5]), ...strides.map((stride) => powerSteps(domain, [1], stride))];
  const written = (value: number) => formatValue(value, { label: '', ...(format && { format }) });
  const candidates = ofDecades.map((values) => ticksAt(values, values.map(written)));
  if (ofDecades[0]!.length < 3) {
    const counts = Array.from({ length: Math.max(1, Math.floor(length / spacing)) }, (_, i) => i + 1).reverse();
    const steps = counts.map((count) => scaleLinear().domain(domain).ticks(count));
    candidates.unshift(...steps.map((values) => ticksAt(values, labelsOf(values, format))));
  }
  // Steps of 1, 2 and 5 are unequal: they may be closer than the spacing, which is their average's then.
  const most = (1.8 * length) / spacing;
  const decades = Math.log10(domain[1]) - Math.log10(domain[0]);
  return {
    place: (value) => (isDrawable(value, 'log') ? scale(value) : Number.NaN),
    ticks: candidates.find((ticks) => ticks.length <= most && fits(ticks)) ?? [],
    minor:
      length / decades < 24 || ofDecades[0]!.length < 3
        ? []
        : powerSteps(domain, [2, 3, 4, 5, 6, 7, 8, 9]).map((value) => scale(value)),
  };
}

/** Decades from one label to the next. */
const strides = [1, 2, 3, 5, 10, 20, 50, 100, 200];

/** The mantissas times the powers of ten whose exponents are multiples of `stride`, within the domain. */
function powerSteps([low, high]: Span, mantissas: readonly number[], stride = 1): number[] {
  const first = Math.ceil(Math.floor(Math.log10(low)) / stride) * stride;
  const values: number[] = [];
  for (let exponent = first; exponent <= Math.log10(high) + 1e-9; exponent += stride) {
    values.push(...mantissas.map((mantissa) => Number(`${mantissa}e${exponent}`)));
  }
  // The ends are computed, and may miss a power of ten by their last digit.
  return values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
}

function labelsOf(values: readonly number[], format: Axis['format']): string[] {
  if (format !== 'percent') return tickLabels(values);
  return tickLabels(values.map((value) => 100 * value)).map((label) => `${label} %`);
}

/**
 * The values with as many digits as tell them apart: 0.6941 0.6942, where `formatNumber` writes 0.694 twice. With
 * exponents where `formatNumber` has them, unless they make the labels longer: 100200 and not 1.002e5.
 */
export function tickLabels(values: readonly number[]): string[] {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  if (most === 0) return values.map(() => '0');
  const step = values.length > 1 ? Math.abs(values[1]! - values[0]!) : most;
  // Ticks are 1, 2 or 5 times a power of ten apart, or nearly.
  const place = Math.floor(Math.log10(step) + 1e-6);
  if (place < -20 || most >= 1e21) return values.map((value) => withExponent(value, step, place));
  const plain = values.map((value) => withoutMinus(value.toFixed(Math.max(0, -place))));
  if (most >= 0.01 && most < 1e5) return plain;
  const short = values.map((value) => withExponent(value, step, place));
  return longest(short) < longest(plain) ? short : plain;
}

const longest = (labels: readonly string[]) => labels.reduce((most, { length }) => Math.max(most, length), 0);

/** No -0.0, which rounding makes of what is nearly 0. */
const withoutMinus = (label: string) => (Number(label) === 0 ? label.replace('-', '') : label);

/** Digits down to the step's place: 1.05e7 with steps of 5e5. */
function withExponent(value: number, step: number, place: number): string {
  if (Math.abs(value) < step * 1e-6) return '0';
  const digits = Math.min(20, Math.max(0, Math.floor(Math.log10(Math.abs(value)) + 1e-9) - place));
  const [mantissa = '', exponent = ''] = value.toExponential(digits).split('e');
  return `${digits > 0 ? mantissa.replace(/\.?0+$/, '') : mantissa}e${exponent.replace('+', '')}`;
}
