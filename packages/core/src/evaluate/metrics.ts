/** The 95 % score interval of a proportion (Wilson 1927). It stays within [0, 1] and is honest at few images. */
export function wilsonInterval(successes: number, trials: number): [number, number] {
  const p = successes / trials;
  const centre = p + z95 ** 2 / (2 * trials);
  const spread = z95 * Math.sqrt((p * (1 - p)) / trials + z95 ** 2 / (4 * trials ** 2));
  const scale = 1 + z95 ** 2 / trials;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

/** The 97.5 % quantile of the standard normal distribution. */
export const z95 = 1.959964;

/** The mean of the numbers that are defined; NaN where none is. */
export function meanOfDefined(values: readonly number[], weights?: readonly number[]): number {
  let [sum, total] = [0, 0];
  for (const [i, value] of values.entries()) {
    const weight = weights?.[i] ?? 1;
    if (Number.isNaN(value) || weight === 0) continue;
    sum += weight * value;
    total += weight;
  }
  return sum / total;
}
