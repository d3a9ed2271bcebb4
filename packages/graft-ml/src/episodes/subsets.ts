import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { type TensorOf, zeros } from '@graft-ml/core/internal/base/tensor';
import { labelTensor } from '@graft-ml/core/internal/fit/source';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import type { Episode, EpisodeShape, EpisodeSource } from '@graft-ml/core/internal/meta/episode';
import type { EpisodeSets } from '@graft-ml/core/internal/runs/episode-sets';
import type { Preprocessing } from '@graft-ml/core/models';
import { type Dataset, type DatasetImage, fingerprint, openDataset } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { FolderCache } from '../files/cache-folder.ts';

export interface SubsetOptions {
  readonly seed: number;
  readonly preprocessing: Preprocessing;
  /** The most that the images may take, in MiB. */
  readonly memory: number;
  readonly pool: ImagePool;
  readonly cache?: FolderCache | null | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Subsets of a dataset as episodes: each has all classes, a class has the same label in all of them, and only the
 * images are drawn. So the head is learned too, for these classes. Sides differ by images: those of the dataset's own
 * parts, or a fifth of each class to validate with. Without a part for testing, the validation side stands for it.
 *
 * @throws UserError where there is no such dataset, or its images take more memory than they may
 */
export async function openSubsets(path: string, options: SubsetOptions): Promise<EpisodeSets> {
  const { seed, preprocessing, memory, pool, cache, onProgress } = options;
  const dataset = await openDataset(path, { seed, pool, cache });
  const { train, validation, test, classes, problems } = dataset;
  const side = preprocessing.crop;
  const all = [...train, ...validation, ...test];
  const bytes = all.length * 3 * side * side;
  if (bytes > memory * 2 ** 20) {
    const needed = Math.ceil(bytes / 2 ** 20);
    throw new UserError(
      `${path}: ${all.length} images of ${side} x ${side} pixels take ${needed} MiB, more than ` +
        `${option('memory', memory)}. Raise it, or lower ${option('imageSize')}.`,
    );
  }
  let done = 0;
  const decode = async (image: DatasetImage): Promise<Uint8Array> => {
    const view = await pool.view(image, { kind: 'evaluation', preprocessing }, side);
    onProgress?.(++done, all.length);
    return view;
  };
  const views = new Map(await Promise.all(all.map(async (image) => [image, await decode(image)] as const)));
  const source = (name: string, images: readonly DatasetImage[]): EpisodeSource => {
    const byLabel = classes.map((_, label) =>
      images.flatMap((image) => (image.label === label ? [views.get(image)!] : [])),
    );
    return { classes, draw: (shape, address) => drawSubset(byLabel, classes, { name, side, seed }, shape, address) };
  };
  const counts = (images: readonly DatasetImage[]) => ({ classes: classes.length, images: images.length });
  const tested = test.length > 0 ? test : validation;
  const contents = (images: readonly DatasetImage[]) => images.map(contentKey);
  return {
    contents: { train: contents(train), validation: contents(validation), test: contents(tested) },
    train: source('train', train),
    validation: source('validation', validation),
    test: source('test', tested),
    header: {
      root: dataset.root,
      side,
      split: 'images',
      seed,
      rotations: false,
      bytes,
      train: counts(train),
      validation: counts(validation),
      test: counts(tested),
      fingerprint: fingerprint(dataset),
      lines: linesOf(dataset),
    },
    problems,
    notes: dataset.notes,
  };
}

function linesOf({ classes, train, validation, test }: Dataset): string[] {
  const tested = test.length > 0 ? `, ${test.length} to test` : '';
  return [
    `${classes.length} classes, all in every episode under fixed labels`,
    `${train.length} images to train, ${validation.length} to validate${tested}`,
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
      `${classes[small]} has ${byLabel[small]!.length} images on the ${name} side, and an episode takes ${shots} ` +
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
