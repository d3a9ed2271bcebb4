import { formatNumber } from '@graft-ml/core/internal/chart/line-chart';

/** 0.934 as 93 %. */
export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** A share that may be very small: 0.00023 as 0.023 %. */
export function percentOrLess(share: number): string {
  return share > 0 && share < 0.01 ? `${formatNumber(100 * share)} %` : percent(share);
}

/** 1234567 as 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1 block`, `2 blocks`, `3 classes`. */
export function plural(value: number, noun: string): string {
  const ending = noun.endsWith('s') ? 'es' : 's';
  return `${count(value)} ${noun}${value === 1 ? '' : ending}`;
}

/** 0.0231 as 23 ms, 1.234 as 1.2 s. */
export function duration(seconds: number): string {
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${formatNumber(Number(seconds.toPrecision(2)))} s`;
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** Floating-point operations: 1.8e9 as 1.8 GFLOPs. */
export function flops(value: number): string {
  const step = Math.min(prefixes.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${formatNumber(value / 1000 ** step)} ${prefixes[step]}FLOPs`;
}

export { formatNumber };
