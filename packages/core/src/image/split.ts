import { randomStream } from '../base/random.ts';

/**
 * The images of one class that are for validation: `fraction` of them, rounded, but at least one on each side where
 * there are two or more. A single image is for training. A fraction of 0 or 1 puts all on one side.
 *
 * They are ranked by their content, so that neither names nor the order on disk matter, an image that is added moves
 * few others, and copies of one image stay together (unless the cut falls between them). Those that may not validate
 * stay for training, and others take their place as long as there are some.
 */
export function chooseValidation<P extends { readonly sha256: string }>(
  images: readonly P[],
  fraction: number,
  seed: number,
  mayValidate: (image: P) => boolean = () => true,
): P[] {
  const rounded = Math.round(images.length * fraction);
  const oneSided = fraction === 0 || fraction === 1;
  const count = oneSided ? rounded : Math.min(Math.max(rounded, 1), images.length - 1);
  return rankBySeed(images, seed, 'split', ({ sha256 }) => sha256)
    .filter(mayValidate)
    .slice(0, count);
}

/**
 * Chooses the images kept for testing: `fraction` of each class, rounded, but at least one where there are three or
 * more, and one is always left. Ranked as for validation, in an order of its own. By content, since no copy may be on
 * another side, whatever its class.
 */
export function chooseTest<P extends { readonly sha256: string }>(
  classes: readonly (readonly P[])[],
  fraction: number,
  seed: number,
  mayTest: (image: P) => boolean = () => true,
): ReadonlySet<string> {
  const contents = new Set<string>();
  if (fraction === 0) return contents;
  for (const images of classes) {
    const least = images.length >= 3 ? 1 : 0;
    const count = Math.min(Math.max(Math.round(images.length * fraction), least), images.length - 1);
    const ranked = rankBySeed(images, seed, 'test', ({ sha256 }) => sha256).filter(mayTest);
    for (const { sha256 } of ranked.slice(0, Math.max(0, count))) contents.add(sha256);
  }
  return contents;
}

/** One of several ways to divide the same images. */
export interface Fold {
  /** The number of this fold, from 1 on. */
  readonly index: number;
  /** The number of folds. */
  readonly of: number;
}

/**
 * The images of each class that validate in one fold of a cross-validation: about `1 / of` of them, and over all folds
 * each image once. Copies of one image are in one fold. Which fold gets the odd image differs from class to class.
 */
export function chooseFold<P extends { readonly sha256: string }>(
  classes: readonly (readonly P[])[],
  { index, of }: Fold,
  seed: number,
): P[] {
  return classes.flatMap((images, shift) => {
    const ranked = rankBySeed(images, seed, 'fold', ({ sha256 }) => sha256);
    let first = 0;
    return ranked.filter(({ sha256 }, i) => {
      if (sha256 !== ranked[first]!.sha256) first = i;
      return (Math.floor((first * of) / ranked.length) + shift) % of === index - 1;
    });
  });
}

/** `items` in the order of random numbers under (seed, purpose, key of the item); equal keys keep their order. */
export function rankBySeed<T>(items: readonly T[], seed: number, purpose: string, key: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, rank: randomStream(seed, purpose, key(item)).uniform() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
