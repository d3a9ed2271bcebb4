/** An image that waits for a model. */
export interface Waiting {
  /** When it came, in milliseconds of `performance.now`. */
  readonly since: number;
  readonly signal: AbortSignal;
  /** It lost its process once: it now runs by itself, so that whatever is wrong with it harms no other. */
  readonly isAlone: boolean;
}

export interface BatchRules {
  /** The sizes that the model takes, in ascending order. */
  readonly sizes: readonly number[];
  /** The workers that share the queue. */
  readonly workers: number;
  /** How long the first may wait for others, in milliseconds. */
  readonly wait: number;
  readonly now: number;
}

/**
 * The number of images of a queue's next batch, or the time in milliseconds until there is one.
 *
 * A batch is the largest size that a worker's share of the queue fills, so that nothing is computed for nobody; the rest
 * is for the next one. Only where a model takes no batch as small as that, others fill it up.
 */
export function nextBatch(
  queue: readonly Pick<Waiting, 'since' | 'isAlone'>[],
  { sizes, workers, wait, now }: BatchRules,
): number | { readonly delay: number } | null {
  const [first] = queue;
  if (!first) return null;
  if (first.isAlone) return 1;
  const others = queue.findIndex(({ isAlone }) => isAlone);
  const available = others < 0 ? queue.length : others;
  const largest = sizes.at(-1)!;
  const rest = first.since + wait - now;
  if (available < largest && others < 0 && rest > 0) return { delay: rest };
  const share = Math.ceil(available / workers);
  const size = sizes.findLast((each) => each <= share) ?? sizes[0]!;
  return Math.min(size, available);
}
