import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { contentKey, type Seen } from '@graft-ml/core/internal/image/seen';
import { chooseFold, chooseTest, chooseValidation, type Fold } from '@graft-ml/core/internal/image/split';
import type { ImageFacts, ImageFile } from './decode.ts';
import type { Part, Split } from './folder-layout.ts';
import type { Checked } from './scan/check-images.ts';

/** An image that was read, and decoded once unless it says otherwise, and is good to learn from. */
export interface DatasetImage extends ImageFacts, ImageFile {
  /** Its pixels were not decoded yet: `decode: 'later'`. */
  readonly isUnproven?: true;
  /** The position of its class in `classes`. */
  readonly label: number;
}

/** The images of a dataset, each in one of its parts. */
export interface SplitImages {
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  readonly test: readonly DatasetImage[];
  /**
   * Images of the dataset's own validation and test parts that `seen` knows: they are in no part, since they would
   * flatter.
   */
  readonly keptOut: readonly DatasetImage[];
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
export function splitImages(
  parts: readonly Part[],
  good: readonly Checked[],
  classes: readonly string[],
  options: SplitOptions,
): SplitImages {
  const labels = new Map(classes.map((name, label) => [name, label]));
  const known = good.filter(({ className }) => labels.has(className));
  const forTest = new Set(chooseForTest(known, options));
  const left = known.filter((image) => !forTest.has(image));
  const heldOut = new Set(chooseHeldOut(parts, left, options));
  const splitOf = (image: Checked): Split | 'keptOut' => {
    if (forTest.has(image)) return 'test';
    if (heldOut.has(image)) return 'validation';
    const own = image.part.split ?? 'train';
    if (options.fold && own === 'validation') return 'train';
    return mayCount(own, image, options.seen) ? own : 'keptOut';
  };
  const imagesIn = (split: Split | 'keptOut'): DatasetImage[] =>
    known
      .filter((image) => splitOf(image) === split)
      .map(({ path, within, className, width, height, sha256, isDecoded }) => ({
        path,
        ...(within && { within }),
        label: labels.get(className)!,
        width,
        height,
        sha256,
        ...(!isDecoded && { isUnproven: true as const }),
      }));
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
function mayCount(split: Split, image: Checked, seen: Seen | null | undefined): boolean {
  const key = contentKey(image);
  if (!seen || split === 'train') return true;
  return !seen.fitted.has(key) && (split === 'validation' || !seen.chosen.has(key));
}

/** The images that are kept for testing, with their copies wherever those stand. */
function chooseForTest(known: readonly Checked[], { testFraction = 0, seed = 0, seen }: SplitOptions): Checked[] {
  const divisible = known.filter(({ part }) => part.split !== 'validation');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const contents = chooseTest(classes, testFraction, seed, (image) => mayCount('test', image, seen));
  return known.filter(({ sha256 }) => contents.has(sha256));
}

/** The images that validate, beyond those that the dataset itself puts aside for that. */
function chooseHeldOut(parts: readonly Part[], known: readonly Checked[], options: SplitOptions): Checked[] {
  const { validationFraction = 0.2, seed = 0, fold } = options;
  if (!fold && parts.some(({ split }) => split === 'validation')) return [];
  const divisible = known.filter(({ part }) => part.split !== 'test');
  const classes = [...groupBy(divisible, ({ className }) => className).values()];
  const mayValidate = (image: Checked) => mayCount('validation', image, options.seen);
  if (fold) return chooseFold(classes, fold, seed).filter(mayValidate);
  return classes.flatMap((images) => chooseValidation(images, validationFraction, seed, mayValidate));
}
