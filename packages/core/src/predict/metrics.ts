/** The positions of the largest values, the largest first. */
export function ranked(values: ArrayLike<number>, count: number): number[] {
  return Array.from(values, (_, i) => i)
    .sort((a, b) => values[b]! - values[a]!)
    .slice(0, count);
}

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

/** The position of the largest value; of equals the first. What is not a number is below all others. */
export function argmax(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (best === -1 ? !Number.isNaN(values[i]) : values[i]! > values[best]!) best = i;
  }
  return Math.max(0, best);
}

/** The number of classes ahead of one; of equals the first is ahead. */
export function rankOf(values: ArrayLike<number>, label: number): number {
  const own = values[label]!;
  if (Number.isNaN(own)) return values.length - 1;
  let rank = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > own || (values[i] === own && i < label)) rank++;
  }
  return rank;
}
