/** The positions of the largest values, the largest first. */
export function ranked(values: ArrayLike<number>, count: number): number[] {
  return Array.from(values, (_, i) => i)
    .sort((a, b) => values[b]! - values[a]!)
    .slice(0, count);
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
