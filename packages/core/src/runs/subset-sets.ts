import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { plural } from '../base/plural.ts';
import { randomStream } from '../base/random.ts';
import { type TensorOf, zeros } from '../base/tensor.ts';
import { labelTensor } from '../fit/source.ts';
import type { ImageDataset, ImageRecord } from '../image/dataset.ts';
import { contentKey } from '../image/seen.ts';
import type { Episode, EpisodeShape, EpisodeSource } from '../meta/episode.ts';
import type { EpisodeSets } from './episode-sets.ts';

/** The images that subsets are drawn from: all but those that are kept out. */
export function subsetImages<I extends ImageRecord>({ train, validation, test }: ImageDataset<I>): I[] {
  return [...train, ...validation, ...test];
}

/**
 * @param path names the dataset in the message
 * @param memory the most that the images may take, in MiB
 * @returns the bytes that they take
 * @throws UserError where that is more than they may
 */
export function assertSubsetsFit(path: string, dataset: ImageDataset, side: number, memory: number): number {
  const count = subsetImages(dataset).length;
  const bytes = count * 3 * side * side;
  if (bytes <= memory * 2 ** 20) return bytes;
  const needed = Math.ceil(bytes / 2 ** 20);
  throw new UserError(
    `${path}: ${count} images of ${side} x ${side} pixels take ${needed} MiB, more than ` +
      `${option('memory', memory)}. Raise it, or lower ${option('imageSize')}.`,
  );
}

export interface SubsetSetsOptions<I extends ImageRecord> {
  readonly seed: number;
  /** Pixels. */
  readonly side: number;
  /** The identity of the dataset's content. */
  readonly fingerprint: string;
  /** Of each image, u8 (3, side, side). */
  readonly views: ReadonlyMap<I, Uint8Array>;
  /** The memory that they take. */
  readonly bytes: number;
}

/**
 * Subsets of a dataset as episodes: each has all classes, a class has the same label in all of them, and only the
 * images are drawn. So the head is learned too, for these classes. Sides differ by images: those of the dataset's own
 * parts. Without a part for testing, the validation side stands for it.
 */
export function subsetSets<I extends ImageRecord>(
  dataset: ImageDataset<I>,
  { seed, side, fingerprint, views, bytes }: SubsetSetsOptions<I>,
): EpisodeSets {
  const { train, validation, test, classes, problems, notes, root } = dataset;
  const source = (name: string, images: readonly I[]): EpisodeSource => {
    const byLabel = classes.map((_, label) =>
      images.flatMap((image) => (image.label === label ? [views.get(image)!] : [])),
    );
    return { classes, draw: (shape, address) => drawSubset(byLabel, classes, { name, side, seed }, shape, address) };
  };
  const counts = (images: readonly I[]) => ({ classes: classes.length, images: images.length });
  const tested = test.length > 0 ? test : validation;
  const contents = (images: readonly I[]) => images.map(contentKey);
  return {
    contents: { train: contents(train), validation: contents(validation), test: contents(tested) },
    train: source('train', train),
    validation: source('validation', validation),
    test: source('test', tested),
    header: {
      root,
      side,
      split: 'images',
      seed,
      rotations: false,
      bytes,
      train: counts(train),
      validation: counts(validation),
      test: counts(tested),
      fingerprint,
      lines: linesOf(dataset),
    },
    problems,
    notes,
  };
}

function linesOf({ classes, train, validation, test }: ImageDataset): string[] {
  const tested = test.length > 0 ? `, ${test.length} to test` : '';
  return [
    `${classes.length} classes, all in every episode under fixed labels`,
    `${plural(train.length, 'image')} to train, ${validation.length} to validate${tested}`,
  ];
}

interface Side {
  readonly name: string;
  /** Pixels. */
  readonly side: number;
  readonly seed: number;
}

function drawSubset(
  byLabel: readonly (readonly Uint8Array[])[],
  classes: readonly string[],
  { name, side, seed }: Side,
  { way, shots, queries }: EpisodeShape,
  address: readonly (string | number)[],
): Episode {
  if (way !== classes.length) throw new Error(`drawSubset: there are ${classes.length} classes, not ${way}`);
  const small = byLabel.findIndex((images) => images.length < shots + queries);
  if (small >= 0) {
    throw new UserError(
      `${classes[small]} has ${plural(byLabel[small]!.length, 'image')} on the ${name} side, and an episode takes ${shots} ` +
        `+ ${queries}. ` +
        'Lower `shots` or `queries`.',
    );
  }
  const stream = randomStream(seed, 'subset', ...address);
  const drawn = byLabel.map((images) => stream.shuffle(images).slice(0, shots + queries));
  const part = (from: number, to: number): TensorOf<'u8'> => {
    const chosen = drawn.flatMap((images) => images.slice(from, to));
    const pixels = zeros('u8', [chosen.length, 3, side, side]);
    chosen.forEach((view, i) => {
      pixels.data.set(view, i * view.length);
    });
    return pixels;
  };
  const labels = (each: number) => labelTensor(classes.flatMap((_, label) => new Array<number>(each).fill(label)));
  return {
    support: part(0, shots),
    supportLabels: labels(shots),
    query: part(shots, shots + queries),
    queryLabels: labels(queries),
    classes,
  };
}
