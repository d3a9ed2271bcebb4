import type { Finding } from './finding.ts';
import type { Specimen } from './specimen.ts';

/** A modified z-score beyond which a value counts as an outlier (Iglewicz and Hoaglin 1993). */
const mostDeviations = 3.5;

/** Median absolute deviations of a normal distribution in one standard deviation. */
const deviationsPerSigma = 0.6745;

/**
 * A value less than so many times as large, small or long as the median is never an outlier, however equal the others
 * are.
 */
const leastFactor = 2;

/** Images whose size or shape is far from the others', on a logarithmic scale. Upright and lying are the same shape. */
export function outlierFindings(specimens: readonly Specimen[]): Finding[] {
  const side = outliers(specimens, ({ width, height }) => Math.sqrt(width * height));
  const shape = outliers(specimens, ({ width, height }) => Math.max(width, height) / Math.min(width, height));
  const size = ({ width, height }: Specimen) => `${width} x ${height} pixels`;
  const sizes = side.found.map((specimen) => {
    const message = `${size(specimen)}; the median is ${Math.round(side.median)} x ${Math.round(side.median)}`;
    return { kind: 'size-outlier', paths: [specimen.place], message } as const;
  });
  const shapes = shape.found.map((specimen) => {
    const message = `${size(specimen)}; the median is ${shape.median.toFixed(1)} to 1`;
    return { kind: 'shape-outlier', paths: [specimen.place], message } as const;
  });
  return [...sizes, ...shapes];
}

/** The specimens with log(value) more than 3.5 robust standard deviations off the median. */
function outliers(specimens: readonly Specimen[], value: (specimen: Specimen) => number) {
  const logs = specimens.map((specimen) => Math.log(value(specimen)));
  const middle = median(logs);
  const deviation = median(logs.map((log) => Math.abs(log - middle)));
  const most = Math.max((mostDeviations * deviation) / deviationsPerSigma, Math.log(leastFactor));
  return { median: Math.exp(middle), found: specimens.filter((_, i) => Math.abs(logs[i]! - middle) > most) };
}

/** 0 for no values. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
