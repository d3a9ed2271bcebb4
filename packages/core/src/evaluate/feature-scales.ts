/** The mean of each feature (f), and what it is multiplied by to have the deviation 1. */
export interface FeatureScales {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** The scales of features, (n) of (f). */
export function featureScales(rows: readonly ArrayLike<number>[]): FeatureScales {
  const width = rows[0]!.length;
  const [mean, deviation] = [new Float64Array(width), new Float64Array(width)];
  for (const row of rows) for (let k = 0; k < width; k++) mean[k]! += row[k]! / rows.length;
  for (const row of rows) for (let k = 0; k < width; k++) deviation[k]! += (row[k]! - mean[k]!) ** 2 / rows.length;
  // A feature that is the same for all says nothing, and stays 0.
  const scale = deviation.map((variance) => (variance > 0 ? 1 / Math.sqrt(variance) : 0));
  return { mean, scale };
}

/** Features with the mean and the deviation of these scales taken out, (f). */
export function standardised(row: ArrayLike<number>, { mean, scale }: FeatureScales): Float64Array {
  return mean.map((middle, k) => (row[k]! - middle) * scale[k]!);
}
