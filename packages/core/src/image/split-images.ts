import type { DatasetParts, ImageFacts } from './dataset.ts';
import { groupBy } from './group-by.ts';
import { contentKey, type Seen } from './seen.ts';
import { chooseFold, chooseTest, chooseValidation, type Fold } from './split.ts';

/** A split: training, validation or test. */
export type Split = 'train' | 'validation' | 'test';

/** A part of a dataset, which is for one split where it says so. */
interface Part {
  readonly split: Split | undefined;
}

/** An image to be put in a split. */
export interface Splittable extends ImageFacts {
  readonly path: string;
  readonly className: string;
  readonly part: Part;
}

export interface SplitOptions {
  /** Decides the split, and which images `maxPerClass` keeps. Default 0. */
  readonly seed?: number;
  /**
   * The part of each class that validates where the dataset has no validation part of its own. Default 0.2; 0 and 1 put
   * all on one side.
   */
  readonly validationFraction?: number;
  /**
   * The part of each class that is kept for testing, before anything else is divided, where the dataset has no test
   * part of its own: never trained on, and nothing is chosen by it. Default 0.
   */
  readonly testFraction?: number;
  /**
   * Divides by cross-validation instead, whatever the dataset's own validation part: each image but those for testing
   * validates in one fold.
   */
  readonly fold?: Fold;
  /** The images that the weights to train or evaluate have seen: none of them validates or tests. */
  readonly seen?: Seen | null;
}

/**
 * Labels the images of these classes, and puts each in a part: the dataset's own where it has one, or that which the
 * seed draws.
 */
export function splitImages<I extends Splittable>(
  parts: readonly Part[],
  good: readonly I[],
  classes: readonly string[],
  options: SplitOptions,
): DatasetParts<I & { readonly label: number }> {
  const labels = new Map(classes.map((name, label) => [name, label]));
  const known = good.filter(({ className }) => labels.has(className));
  const forTest = new Set(chooseForTest(known, options));
  const left = known.filter((image) => !forTest.has(image));
  const heldOut = new Set(chooseHeldOut(parts, left, options));
  const splitOf = (image: I): Split | 'keptOut' => {
    if (forTest.has(image)) return 'test';
    if (heldOut.has(image)) return 'validation';
    const own = image.part.split ?? 'train';
    if (options.fold && own === 'validation') return 'train';
    return mayCount(own, image, options.seen) ? own : 'keptOut';
  };
  const imagesIn = (split: Split | 'keptOut') =>
    known
      .filter((image) => splitOf(image) === split)
      .map((image) => ({ ...image, label: labels.get(image.className)! }));
  return {
    train: imagesIn('train'),
    validation: imagesIn('validation'),
    test: imagesIn('test'),
    keptOut: imagesIn('keptOut'),
  };
}

/**
 * Whether an image may be in a part although the weights have seen it. One that they were chosen by may validate again,
 * but not test.
 */
function mayCount(split: Split, image: Splittable, seen: Seen | null | undefined): boolean {
  const key = contentKey(image);
  if (!seen || split === 'train') return true;
  return !seen.fitted.has(key) && (split === 'validation' || !seen.chosen.has(key));
}

/** The images that are kept for testing, with their copies wherever those stand. */
function chooseForTest<I extends Splittable>(
  known: readonly I[],
  { testFraction = 0, seed = 0, seen }: SplitOptions,
): I[] {
  const divisible = known.filter(({ part }) => part.split !== 'validation');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const contents = chooseTest(classes, testFraction, seed, (image) => mayCount('test', image, seen));
  return known.filter(({ sha256 }) => contents.has(sha256));
}

/** The images that validate, beyond those that the dataset itself puts aside for that. */
function chooseHeldOut<I extends Splittable>(parts: readonly Part[], known: readonly I[], options: SplitOptions): I[] {
  const { validationFraction = 0.2, seed = 0, fold } = options;
  if (!fold && parts.some(({ split }) => split === 'validation')) return [];
  const divisible = known.filter(({ part }) => part.split !== 'test');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const mayValidate = (image: I) => mayCount('validation', image, options.seen);
  if (fold) return chooseFold(classes, fold, seed).filter(mayValidate);
  return classes.flatMap((images) => chooseValidation(images, validationFraction, seed, mayValidate));
}
