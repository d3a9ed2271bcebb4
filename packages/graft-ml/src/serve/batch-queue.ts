/** An image that waits for a model. */
export interface Waiting {
  /** When it came, in milliseconds of `performance.now`. */
  readonly since: number;
  readonly signal: AbortSignal;
  /** It lost its process once: it now runs by itself, so that whatever is wrong with it harms no other. */
  readonly isAlone: boolean;
}

/** The next batch: how many of the first in the queue, and the size of the program that takes them. */
export interface NextBatch {
  readonly count: number;
  readonly size: number;
}

/**
 * The next batch of a queue, or the time in milliseconds until there is one.
 *
 * A batch is the largest size that the queue fills, so that nothing is computed for nobody; the rest is the next one.
 * Only where a model takes no batch as small as the queue, zeros fill it up.
 *
 * @param sizes in ascending order
 * @param wait how long the first may wait for others, in milliseconds
 */
export function nextBatch(
  queue: readonly Pick<Waiting, 'since' | 'isAlone'>[],
  sizes: readonly number[],
  { wait, now }: { readonly wait: number; readonly now: number },
): NextBatch | { readonly delay: number } | null {
  const [first] = queue;
  if (!first) return null;
  const smallest = sizes[0]!;
  if (first.isAlone) return { count: 1, size: smallest };
  const others = queue.findIndex(({ isAlone }) => isAlone);
  const available = others < 0 ? queue.length : others;
  const largest = sizes.at(-1)!;
  const rest = first.since + wait - now;
  if (available < largest && others < 0 && rest > 0) return { delay: rest };
  const size = sizes.findLast((each) => each <= available) ?? smallest;
  return { count: Math.min(size, available), size };
}
