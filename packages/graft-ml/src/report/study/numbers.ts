import { duration } from '../format.ts';

/** Floating-point operations in few digits: 41,300,000 is 41.3 MFLOP. */
export function flopsText(flops: number): string {
  if (!Number.isFinite(flops)) return '–';
  const units = ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP', 'EFLOP'];
  const step = flops < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(flops) / 3));
  return `${Number((flops / 1000 ** step).toPrecision(3)).toLocaleString('en')} ${units[step]}`;
}

/** A difference of shares in points: 0.021 is +2.1. */
export function points(difference: number): string {
  const text = (100 * Math.abs(difference)).toFixed(1);
  return `${text === '0.0' ? '' : difference > 0 ? '+' : '−'}${text}`;
}

/** A p-value, as papers write it. */
export function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** A time, of which little is known above a second: 0.012 is 12 ms. */
export function secondsText(seconds = Number.NaN): string {
  if (!Number.isFinite(seconds)) return '–';
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : duration(seconds);
}
