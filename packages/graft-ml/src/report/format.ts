/** A share as text: 0.725 is 72.5 %. */
export function percent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : '–';
}

/** A number with so many decimals; a dash where it is not defined. */
export function fixed(value: number, digits = 3): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

/** A learning rate in few digits: 0.00031 is 3.1e-4. */
export function rateText(rate: number): string {
  if (rate === 0) return '0';
  return rate < 0.01 ? rate.toExponential(1).replace('.0e', 'e') : String(Number(rate.toPrecision(2)));
}

/** Bytes: 734003200 is 0.73 GB. */
export function gigabytes(bytes: number): string {
  return bytes > 0 ? `${(bytes / 1e9).toFixed(2)} GB` : '–';
}

/** 75 is 1 min 15 s. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
