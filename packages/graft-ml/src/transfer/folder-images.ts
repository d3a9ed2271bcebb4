import { tensor } from '@graft-ml/core/internal/base/tensor';
import type { ImageSet, ImageView } from '@graft-ml/core/internal/fit/examples';
import { labelTensor, type Source } from '@graft-ml/core/internal/fit/source';
import type { Colour } from '@graft-ml/core/internal/image/augment/planes';
import type { Preprocessing } from '@graft-ml/core/models';
import type { Dataset, DatasetImage, DatasetOptions } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { type BatchOptions, batches } from '../data/loader.ts';

/** A dataset, and the options by which it was opened and divided. */
export interface OpenedDataset {
  readonly dataset: Dataset;
  readonly options: DatasetOptions;
}

/** The images of one part of a folder with their labels, for `fit` and `model.evaluate`. */
export class FolderImages implements ImageSet {
  /** The dataset that they are a part of. */
  readonly origin: OpenedDataset;
  readonly images: readonly DatasetImage[];
  readonly labels: readonly number[];
  /** SHA-256 of each file. */
  readonly keys: readonly string[];
  readonly #pool: ImagePool;

  constructor(origin: OpenedDataset, part: 'train' | 'validation' | 'test', pool: ImagePool) {
    const images = origin.dataset[part];
    this.origin = origin;
    this.images = images;
    this.labels = images.map(({ label }) => label);
    this.keys = images.map(({ sha256 }) => sha256);
    this.#pool = pool;
  }

  get size(): number {
    return this.images.length;
  }

  get decoder(): string {
    return this.#pool.identity;
  }

  view(how: ImageView): Source {
    return imageSource(this.#pool, this.images, how);
  }
}

/** Images decoded ahead by the pool: as evaluation sees them, or augmented anew in each epoch. */
export function imageSource(
  pool: ImagePool,
  images: readonly DatasetImage[],
  { preprocessing, augmentation = [], seed = 0 }: ImageView,
): Source {
  const size = preprocessing.crop;
  const view = (epoch: number): BatchOptions['view'] =>
    augmentation.length > 0
      ? { kind: 'training', preprocessing, fill: meanColour(preprocessing), epoch, seed, augmentation }
      : { kind: 'evaluation', preprocessing };
  return {
    size: images.length,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      const options = { batchSize, size, order, lastBatch, view: view(epoch) };
      for await (const { pixels, labels, weights } of batches(pool, images, options)) {
        yield {
          inputs: tensor('u8', [batchSize, 3, size, size], pixels),
          targets: labelTensor(labels),
          weights: tensor('f32', [batchSize], weights),
        };
      }
    },
  };
}

/** The colour that is 0 after the normalisation, to the nearest grey level. */
export function meanColour({ mean: [red, green, blue] }: Preprocessing): Colour {
  return [Math.round(255 * red), Math.round(255 * green), Math.round(255 * blue)];
}
